"""How often somebody may ask: the numbers, and the counters that hold them."""

import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId, normal_email
from pushpaka_core.errors import TooManyRequestsError, UnavailableError
from pushpaka_core.ports.rate_counters import MINUTE, RateCounters

_HOUR = 3600


@frozen(kw_only=True)
class Limits:
    """What one client may take of the API; the defaults suit an instance on the internet."""

    sign_ins_per_client: int = 10
    """A minute, registrations included."""
    sign_ins_per_account: int = 10
    requests_per_user: int = 600
    deployments_per_project: int = 10
    """A minute, of one user."""
    deployments_per_user: int = 600
    """An hour, of all projects."""
    watchers_per_user: int = 20
    """Streams and waiting requests at the same time."""
    body_size: int = 1024 * 1024
    body_depth: int = 32
    """Objects and lists in each other."""
    body_seconds: float = 30
    """Until a body is there as a whole."""
    body_patience: float = 10
    """Until then, one that hardly moves has to be there too."""
    archive_size: int = 100 * 1024 * 1024
    """Of the one body that is no JSON."""
    archive_seconds: float = 900
    header_size: int = 16 * 1024
    header_count: int = 100
    address_size: int = 8 * 1024
    watch_check_seconds: float = 30
    """How often a watcher's token is looked at again."""
    watch_stall_seconds: float = 5
    """How long a watcher may leave untaken what they are sent."""
    watch_seconds: float = 3600
    """How long moves of deployments are told in one answer; who watches on asks again."""


@define
class ProcessRateCounters:
    """Counts what this process is asked for."""

    _now: Callable[[], float] = time.monotonic
    _ends: dict[str, deque[float]] = field(factory=dict, init=False, repr=False)
    """Until when each time counts that was counted, by key."""
    _next_look: float = field(default=0, init=False)

    async def hit(self, key: str, most: int, /, *, seconds: int = MINUTE) -> float | None:
        """Count one more of *key*, unless there were *most*: then return the seconds to wait."""
        now = self._now()
        self._forget(now)
        ends = self._ends.setdefault(key, deque())
        while ends and ends[0] <= now:
            ends.popleft()
        if len(ends) >= most:
            return ends[0] - now
        ends.append(now + seconds)
        return None

    def _forget(self, now: float) -> None:
        """Drop, once a minute, the keys of which nothing counts any more."""
        if now >= self._next_look:
            self._ends = {key: ends for key, ends in self._ends.items() if ends[-1] > now}
            self._next_look = now + MINUTE


@frozen
class RateLimits:
    """
    Counts what there was in the last minute, or hour, and refuses what is over a limit.

    While the counters that processes share cannot be asked, each counts for itself.
    Each method raises TooManyRequestsError, which says when to come back. What counts for
    somebody is counted only of tokens that may do it, so that no other one uses it up.
    """

    _limits: Limits
    _shared: RateCounters | None = None
    _own: RateCounters = field(factory=ProcessRateCounters, repr=False)

    async def sign_in(self, email: str, network: str) -> None:
        """Count a try to sign in or up: by where it comes from, and by whom it names."""
        await self._hit(self._limits.sign_ins_per_client, "client", network)
        account = normal_email(email)[:254]
        await self._hit(self._limits.sign_ins_per_account, "account", account)

    async def request_by(self, user_id: UserId | None) -> None:
        """Count any request of a user."""
        await self._hit(self._limits.requests_per_user, "user", str(user_id))

    async def password_of(self, actor: Actor, email: str, network: str) -> None:
        """Count a try to change a password as one to sign in: it is guessed in either way."""
        actor.require_scope(Scope.SIGNED_IN)
        await self.sign_in(email, network)

    async def deployment_of(self, actor: Actor, project_id: ProjectId) -> None:
        """Count a deployment that a person asks for; others' tries count for themselves."""
        await self._work_of("project", actor, project_id)
        who = str(actor.user_id)
        await self._hit(self._limits.deployments_per_user, "deployments", who, seconds=_HOUR)

    async def plan_of(self, actor: Actor, project_id: ProjectId) -> None:
        """Count a plan that a person asks for, as often as a deployment."""
        await self._work_of("plan", actor, project_id)

    async def archive_of(self, actor: Actor, project_id: ProjectId) -> None:
        """Count an archive that a person sends, as often as a deployment."""
        await self._work_of("archive", actor, project_id)

    async def _work_of(self, kind: str, actor: Actor, project_id: ProjectId) -> None:
        actor.require_scope(Scope.DEPLOY)
        who = f"{actor.user_id}:{project_id}"
        await self._hit(self._limits.deployments_per_project, kind, who)

    async def _hit(self, most: int, kind: str, who: str, *, seconds: int = MINUTE) -> None:
        wait = await self._count(f"{kind}:{who}", most, seconds)
        if wait is not None:
            raise TooManyRequestsError(max(1, math.ceil(wait)))

    async def _count(self, key: str, most: int, seconds: int) -> float | None:
        if self._shared is not None:
            with suppress(UnavailableError):
                return await self._shared.hit(key, most, seconds=seconds)
        return await self._own.hit(key, most, seconds=seconds)
