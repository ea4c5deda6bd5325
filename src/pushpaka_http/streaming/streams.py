"""Streams to clients, independently of the protocol (WebSocket or Server-Sent Events)."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from enum import IntEnum
from functools import lru_cache, partial
from typing import Never, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import msgspec
from anyio import Lock, create_task_group, current_time, move_on_after, sleep_until
from attrs import Factory, define, field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import DeploymentId, UserId
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.errors import NotAuthenticatedError, NotFoundError, TooManyRequestsError
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_core.services.logs.log_service import LogService
from pushpaka_core.services.platform.platform_health import ShutdownSignal
from pushpaka_http.metrics import Metrics
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_http.schemas.logs import DeploymentLogResponse

T = TypeVar("T")
Send: TypeAlias = Callable[[T], Awaitable[None]]
"""A function that sends one batch to a client, and returns when the connection has accepted it."""


class CloseCode(IntEnum):
    """Why a stream ended, as a WebSocket close code."""

    DISCONNECTED = 0
    """The client disconnected. No close code is sent."""
    COMPLETE = 1000
    """The stream is complete."""
    FLOODED = 1008
    """The client sent too much data."""
    SHUTTING_DOWN = 1012
    """The server process is shutting down. The client should reconnect."""
    TOO_SLOW = 1013
    """The client did not read in time."""
    SIGNED_OUT = 4401
    """The token has expired or was revoked."""
    GONE = 4404
    """The deployment or project was deleted, or the user can no longer view it."""


@frozen(kw_only=True)
class LogSubscription:
    """A request for the stream of a log."""

    actor: Actor
    token: str = field(repr=False)
    deployment_id: DeploymentId
    after: int
    """Stream only lines with a greater `seq`. 0 streams the whole log."""


@define
class StreamLimiter:
    """Limits the open streams and long-polling requests of each user."""

    _max_per_user: int
    """Maximum number of streams and waiting requests per user."""
    _metrics: Metrics
    _open: Counter[UserId | None] = field(factory=Counter, init=False)

    @contextmanager
    def reserve_stream(self, actor: Actor) -> Iterator[None]:
        """
        Reserve a stream for the duration of the block, and count it in the metrics.

        Raises:
            TooManyRequestsError: If the user has too many open streams and waiting requests.
        """
        with self.reserve_wait(actor), self._metrics.track_stream():
            yield

    @contextmanager
    def reserve_wait(self, actor: Actor) -> Iterator[None]:
        """
        Reserve a long-polling request for the duration of the block.

        Raises:
            TooManyRequestsError: If the user has too many open streams and waiting requests.
        """
        if self._open[actor.user_id] >= self._max_per_user:
            raise TooManyRequestsError(60)
        self._open += Counter([actor.user_id])
        try:
            yield
        finally:
            self._open -= Counter([actor.user_id])


@define(eq=False)
class _PeriodicCheck:
    due_at: float
    lock: Lock = field(factory=Lock, init=False)


@define
class PeriodicChecks:
    """Repeats checks at an interval. Streams with the same condition share one check."""

    _seconds: float
    _shared: WeakValueDictionary[Hashable, _PeriodicCheck] = field(
        factory=WeakValueDictionary, init=False, repr=False
    )

    async def until_failed(self, key: Hashable, check: Callable[[], Awaitable[object]]) -> Never:
        """
        Run *check* at each interval until it raises, and raise its error.

        Args:
            key: The key of the check. Concurrent callers with the same key share the check.
            check: The check, which must be equivalent for all callers with the same key.
        """
        shared = self._shared.setdefault(key, _PeriodicCheck(current_time() + self._seconds))
        while True:
            await sleep_until(shared.due_at)
            async with shared.lock:
                if shared.due_at <= (now := current_time()):
                    await check()
                    shared.due_at = now + self._seconds


@frozen
class TokenRechecker:
    """Rechecks the tokens of streams and long-polling requests."""

    _accounts: AccountService
    _seconds: float
    _periodic_checks: PeriodicChecks = field(
        default=Factory(lambda self: PeriodicChecks(self._seconds), takes_self=True), init=False
    )

    async def until_revoked(self, token: str) -> Never:
        """Wait until *token* has expired or was revoked, then raise NotAuthenticatedError."""
        await self._periodic_checks.until_failed(token, partial(self._accounts.authenticate, token))


@frozen
class LongPolling:
    """Answers long-polling requests."""

    _stream_limiter: StreamLimiter
    _tokens: TokenRechecker

    async def wait_for(
        self, actor: Actor, token: str, seconds: int, fetch: Callable[[], Awaitable[T]]
    ) -> T:
        """
        Return the result of *fetch*, which may take up to *seconds*.

        A request with 0 *seconds* does not count as a waiting request.

        Raises:
            TooManyRequestsError: If the user has too many open streams and waiting requests.
            NotAuthenticatedError: If *token* expires or is revoked in the meantime.
        """
        if not seconds:
            return await fetch()
        with self._stream_limiter.reserve_wait(actor):
            return await first_of(fetch, partial(self._tokens.until_revoked, token))


@frozen(kw_only=True)
class Streamer:
    """
    Streams batches of items to a client.

    The next batch is fetched when the client has accepted the previous one, so that at most one
    batch for a slow client is in memory. A client that does not read for
    `Limits.stream_write_timeout` is disconnected.
    """

    _tokens: TokenRechecker
    _limits: Limits
    _shutdown_signal: ShutdownSignal

    async def stream(
        self,
        token: str,
        batches: AsyncGenerator[T, None],
        send: Send[T],
        *stop_conditions: Callable[[], Awaitable[CloseCode]],
    ) -> CloseCode:
        """
        Send all *batches*.

        Args:
            token: The token of the client, which is rechecked regularly.
            batches: The batches. NotFoundError ends the stream with GONE.
            send: Sends a batch. OSError ends the stream with DISCONNECTED.
            stop_conditions: Further conditions. The stream ends when one of them returns.

        Returns:
            Why the stream ended.
        """
        shown = partial(self._send_all, batches, send)
        signed_out = partial(self._tokens.until_revoked, token)
        try:
            return await first_of(shown, signed_out, self._wait_until_shutdown, *stop_conditions)
        except NotAuthenticatedError:
            return CloseCode.SIGNED_OUT
        except NotFoundError:
            return CloseCode.GONE
        except OSError:
            return CloseCode.DISCONNECTED

    async def _send_all(self, batch_generator: AsyncGenerator[T, None], send: Send[T]) -> CloseCode:
        async with aclosing(batch_generator) as batches:
            async for batch in batches:
                with move_on_after(self._limits.stream_write_timeout) as patience:
                    await send(batch)
                if patience.cancelled_caught:
                    return CloseCode.TOO_SLOW
        return CloseCode.COMPLETE

    async def _wait_until_shutdown(self) -> CloseCode:
        await self._shutdown_signal.wait()
        return CloseCode.SHUTTING_DOWN


@frozen(kw_only=True)
class LogStreamer:
    """Streams a log to a client."""

    _streamer: Streamer
    _logs: LogService
    _limits: Limits
    _metrics: Metrics
    _periodic_checks: PeriodicChecks = field(
        default=Factory(
            lambda self: PeriodicChecks(self._limits.stream_recheck_seconds), takes_self=True
        ),
        init=False,
    )

    async def stream(
        self,
        log_subscription: LogSubscription,
        send: Send[Sequence[LogLine]],
        *stop_conditions: Callable[[], Awaitable[CloseCode]],
    ) -> CloseCode:
        """
        Send the existing and the future lines of a log in batches.

        The stream ends when the log is complete, the token is revoked, the actor can no longer view
        the deployment, or one of *stop_conditions* returns.

        Returns:
            Why the stream ended.
        """
        followed = self._logs.follow(
            log_subscription.actor, log_subscription.deployment_id, after=log_subscription.after
        )
        counted = partial(self._send, send)
        out_of_sight = partial(self._wait_until_access_lost, log_subscription)
        return await self._streamer.stream(
            log_subscription.token, followed, counted, out_of_sight, *stop_conditions
        )

    async def _send(self, send: Send[Sequence[LogLine]], lines: Sequence[LogLine]) -> None:
        await send(lines)
        self._metrics.record_streamed_lines(len(lines))

    async def _wait_until_access_lost(self, log_subscription: LogSubscription) -> Never:
        """
        Wait until the actor can no longer view the deployment, then raise NotFoundError.

        `LogService.follow` does not check this for lines that arrive through the event bus.
        """
        visible = partial(
            self._logs.require_visible, log_subscription.actor, log_subscription.deployment_id
        )
        await self._periodic_checks.until_failed(
            (log_subscription.actor, log_subscription.deployment_id), visible
        )


@lru_cache(maxsize=256)
def encode_line(line: LogLine) -> str:
    """Return *line* as JSON, cached so that a line for many clients is encoded once."""
    return msgspec.json.encode(DeploymentLogResponse.of(line)).decode()


async def first_of(*functions: Callable[[], Awaitable[T]]) -> T:
    """Run *functions* concurrently. Return or raise the first outcome, and cancel the others."""
    results: list[T] = []
    errors: list[Exception] = []
    async with create_task_group() as tasks:

        async def run(function: Callable[[], Awaitable[T]]) -> None:
            try:
                results.append(await function())
            except Exception as error:  # noqa: BLE001  # re-raised below
                errors.append(error)
            tasks.cancel_scope.cancel()

        for function in functions:
            tasks.start_soon(run, function)
    if errors:
        raise errors[0]
    return results[0]
