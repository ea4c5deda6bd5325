"""Rate limits, and other limits for clients."""

import math
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from attrs import define, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.users import normalize_email
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.errors import (
    InvalidInputError,
    NotAuthenticatedError,
    TooManyRequestsError,
    UnavailableError,
)
from pushpaka_core.ports.system import DEFAULT_WINDOW_SECONDS, RateCounters

T = TypeVar("T")

_HOUR = 3600
_MAX_FAILURES, _FAILURE_SECONDS = 3, 10 * DEFAULT_WINDOW_SECONDS
"""
An address that sends this many wrong passwords for an account within this many seconds is no longer
trusted for that account.
"""
_FAMILIAR_SECONDS = 30 * 24 * _HOUR
"""Seconds after a sign-in during which the client's address is trusted for the account."""


@frozen(kw_only=True)
class Limits:
    """The API's limits for clients. The defaults suit an instance on the internet."""

    sign_ins_per_client: int = 10
    """Sign-ins and registrations per minute from one address (see `ClientAddresses.network_of`)."""
    sign_ins_per_account: int = 10
    """Sign-ins to one account per minute."""
    requests_per_user: int = 600
    """Authenticated requests per minute."""
    deployments_per_project: int = 10
    """Deployments per minute of one user in one project. Plans and archives have the same limit."""
    deployments_per_user: int = 600
    """Deployments per hour of one user in all projects."""
    streams_per_user: int = 20
    """Open streams and long-polling requests of one user."""
    body_size: int = 1024 * 1024
    """Maximum size of a JSON body in bytes."""
    body_depth: int = 32
    """Maximum nesting depth of objects and lists in a JSON body."""
    body_seconds: float = 30
    """Seconds within which a body must arrive completely."""
    slow_body_seconds: float = 10
    """Seconds within which a body must arrive if its upload is slower than the minimum rate."""
    archive_size: int = 100 * 1024 * 1024
    """Maximum size of an uploaded archive in bytes."""
    archive_seconds: float = 900
    """Seconds within which an archive must arrive completely."""
    header_size: int = 16 * 1024
    """Maximum size of all headers in bytes."""
    header_count: int = 100
    """Maximum number of headers."""
    url_size: int = 8 * 1024
    """Maximum size of the path and the query in bytes."""
    stream_recheck_seconds: float = 30
    """Interval in seconds at which the token and the permissions of a stream are checked again."""
    stream_write_timeout: float = 5
    """Seconds after which a client that does not read its stream is disconnected."""
    event_stream_seconds: float = 3600
    """Seconds after which a stream of status changes ends, so that the client reconnects."""


@define
class LocalRateCounters:
    """`RateCounters` in the memory of this process."""

    _now: Callable[[], float] = time.monotonic
    _expiries: dict[str, list[float]] = field(factory=dict, init=False, repr=False)
    """The times at which hits expire, in ascending order, by key."""
    _next_cleanup: float = field(default=0, init=False)

    async def hit(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> float | None:
        """Count a hit of *key*. If the limit is reached, return the seconds to wait instead."""
        now = self._now()
        self._delete_expired(now)
        ends = self._expiries.setdefault(key, [])
        del ends[: bisect_right(ends, now)]
        if len(ends) >= limit:
            return ends[0] - now
        ends.append(now + window_seconds)
        return None

    async def is_limit_reached(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> bool:
        """Return True if `hit` would not count another hit now."""
        del window_seconds
        ends = self._expiries.get(key, [])
        return len(ends) - bisect_right(ends, self._now()) >= limit

    def _delete_expired(self, now: float) -> None:
        """Delete the keys whose hits have all expired, at most once a minute."""
        if now >= self._next_cleanup:
            self._expiries = {key: ends for key, ends in self._expiries.items() if ends[-1] > now}
            self._next_cleanup = now + DEFAULT_WINDOW_SECONDS


@frozen
class RateLimiter:
    """
    Enforces the rate limits in `Limits`.

    Each method raises TooManyRequestsError, with the seconds to wait, if a limit is reached. All
    API processes share the counters. While the shared counters are unavailable, each process has
    its own. Methods with an *actor* check the scope of the actor's token first, so that a token
    without permission cannot use up the limits of its user.
    """

    _limits: Limits
    _shared_counters: RateCounters | None = None
    _local_counters: RateCounters = field(factory=LocalRateCounters, repr=False)

    async def count_sign_up(self, email: str, network: str) -> None:
        """Count a registration toward the limits of the address and of the account."""
        wait = await self._count_sign_in(_account_key(email), network)
        if wait is not None:
            raise _too_many_requests(wait)

    async def run_sign_in(self, email: str, network: str, check: Callable[[], Awaitable[T]]) -> T:
        """
        Check a password with *check*, unless a limit is reached.

        An attack on an account must not lock its owner out. Once the limit of the account is
        reached, passwords from addresses that signed in to the account within the last 30 days are
        still checked, and so is a limited number of passwords per minute from addresses without
        recent failures. In that state, the response to a wrong password is the same as to a
        password that was not checked. Accounts that do not exist are counted in the same way, so
        that responses do not reveal which accounts exist.

        Args:
            email: The email address of the account.
            network: The key of the client's address (see `ClientAddresses.network_of`).
            check: Checks the password. NotAuthenticatedError and InvalidInputError count as
                failures.

        Returns:
            The result of *check*.

        Raises:
            TooManyRequestsError: If the address or the account has reached its limit.
        """
        account = _account_key(email)
        wait = await self._count_sign_in(account, network)
        if wait is not None and not await self._is_trusted_address(account, network):
            raise _too_many_requests(wait)
        try:
            checked = await check()
        except (NotAuthenticatedError, InvalidInputError) as error:
            failures = f"failures:{network} {account}"
            await self._count(failures, _MAX_FAILURES, _FAILURE_SECONDS)
            if wait is not None:
                raise _too_many_requests(wait) from error
            raise
        await self._count(f"familiar:{network} {account}", 1, _FAMILIAR_SECONDS)
        return checked

    async def count_request(self, user_id: UserId | None) -> None:
        """Count an authenticated request of a user."""
        await self._hit(self._limits.requests_per_user, "user", str(user_id))

    async def run_password_change(
        self, actor: Actor, email: str, network: str, change: Callable[[], Awaitable[T]]
    ) -> T:
        """Run *change*, counted as a sign-in because both allow guessing the password."""
        actor.require_scope(Scope.SIGNED_IN)
        return await self.run_sign_in(email, network, change)

    async def count_deployment(self, actor: Actor, project_id: ProjectId) -> None:
        """Count a deployment of a user in a project. Members of a project do not share a limit."""
        await self._count_work("project", actor, project_id)
        subject = str(actor.user_id)
        await self._hit(self._limits.deployments_per_user, "deployments", subject, seconds=_HOUR)

    async def count_plan(self, actor: Actor, project_id: ProjectId) -> None:
        """Count a plan of a user in a project. The limit is the same as for deployments."""
        await self._count_work("plan", actor, project_id)

    async def count_archive(self, actor: Actor, project_id: ProjectId) -> None:
        """Count an upload of a user to a project. The limit is the same as for deployments."""
        await self._count_work("archive", actor, project_id)

    async def _count_sign_in(self, account: str, network: str) -> float | None:
        """Count an attempt. Return the seconds to wait if the limit of the account is reached."""
        await self._hit(self._limits.sign_ins_per_client, "client", network)
        return await self._count(
            f"account:{account}", self._limits.sign_ins_per_account, DEFAULT_WINDOW_SECONDS
        )

    async def _is_trusted_address(self, account: str, network: str) -> bool:
        subject = f"{network} {account}"
        if await self._is_limit_reached(f"familiar:{subject}", 1, _FAMILIAR_SECONDS):
            return True
        if await self._is_limit_reached(f"failures:{subject}", _MAX_FAILURES, _FAILURE_SECONDS):
            return False
        limit = self._limits.sign_ins_per_account
        return await self._count(f"strangers:{account}", limit, DEFAULT_WINDOW_SECONDS) is None

    async def _count_work(self, kind: str, actor: Actor, project_id: ProjectId) -> None:
        actor.require_scope(Scope.DEPLOY)
        subject = f"{actor.user_id}:{project_id}"
        await self._hit(self._limits.deployments_per_project, kind, subject)

    async def _hit(
        self, limit: int, kind: str, subject: str, *, seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> None:
        wait = await self._count(f"{kind}:{subject}", limit, seconds)
        if wait is not None:
            raise _too_many_requests(wait)

    async def _count(self, key: str, limit: int, seconds: int) -> float | None:
        if self._shared_counters is not None:
            with suppress(UnavailableError):
                return await self._shared_counters.hit(key, limit, window_seconds=seconds)
        return await self._local_counters.hit(key, limit, window_seconds=seconds)

    async def _is_limit_reached(self, key: str, limit: int, seconds: int) -> bool:
        if self._shared_counters is not None:
            with suppress(UnavailableError):
                return await self._shared_counters.is_limit_reached(
                    key, limit, window_seconds=seconds
                )
        return await self._local_counters.is_limit_reached(key, limit, window_seconds=seconds)


def _account_key(email: str) -> str:
    return normalize_email(email)[:254]


def _too_many_requests(wait_seconds: float) -> TooManyRequestsError:
    return TooManyRequestsError(max(1, math.ceil(wait_seconds)))
