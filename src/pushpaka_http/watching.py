"""Watching what happens: what WebSockets and Server-Sent Events have in common."""

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

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import NotAuthenticatedError, NotFoundError, TooManyRequestsError
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.health import Lifetime
from pushpaka_core.services.logs import LogService
from pushpaka_http.metrics import Metrics
from pushpaka_http.rate_limits import Limits
from pushpaka_http.schemas.logs import DeploymentLogResponse

T = TypeVar("T")
Send: TypeAlias = Callable[[T], Awaitable[None]]
"""How a watcher is given what is next."""


class Ending(IntEnum):
    """Why a watcher sees no more, as the close code of a WebSocket."""

    LEFT = 0
    """The watcher closed first, so that there is nobody to tell."""
    OVER = 1000
    CLOSING = 1012
    """This process ends; whoever watches on asks again."""
    TOO_SLOW = 1013
    SIGNED_OUT = 4401
    GONE = 4404
    """There is no such deployment for the watcher, or not any more."""


@frozen(kw_only=True)
class Ticket:
    """Who watches which log, and from where on."""

    actor: Actor
    token: str = field(repr=False)
    deployment_id: DeploymentId
    after: int


@define
class Watchers:
    """Counts who watches or waits, so that nobody takes all the places."""

    _most: int
    """Of one user at the same time."""
    _metrics: Metrics
    _open: Counter[UserId | None] = field(factory=Counter, init=False)

    @contextmanager
    def place_for(self, actor: Actor) -> Iterator[None]:
        """
        Hold a place for a stream, for as long as the block lasts.

        Raises:
            TooManyRequestsError: If the user has all of theirs in use.
        """
        with self.place_to_wait(actor), self._metrics.watching():
            yield

    @contextmanager
    def place_to_wait(self, actor: Actor) -> Iterator[None]:
        """
        Hold a place for a request that waits for news, for as long as the block lasts.

        Raises:
            TooManyRequestsError: If the user has all of theirs in use.
        """
        if self._open[actor.user_id] >= self._most:
            raise TooManyRequestsError(60)
        self._open += Counter([actor.user_id])
        try:
            yield
        finally:
            self._open -= Counter([actor.user_id])


@define(eq=False)
class _Recheck:
    due: float
    looking: Lock = field(factory=Lock, init=False)


@define
class Rechecks:
    """Looks again, now and then, whether something still holds, once for all who rely on it."""

    _seconds: float
    _shared: WeakValueDictionary[Hashable, _Recheck] = field(
        factory=WeakValueDictionary, init=False, repr=False
    )

    async def until_over(self, what: Hashable, look: Callable[[], Awaitable[object]]) -> Never:
        """Raise what *look* raises, which must be the same for all who call that *what*."""
        shared = self._shared.setdefault(what, _Recheck(current_time() + self._seconds))
        while True:
            await sleep_until(shared.due)
            async with shared.looking:
                if shared.due <= (now := current_time()):
                    await look()
                    shared.due = now + self._seconds


@frozen
class TokenWatch:
    """Looks again, now and then, at the token of whoever is answered for long."""

    _accounts: AccountService
    _seconds: float
    _rechecks: Rechecks = field(
        default=Factory(lambda self: Rechecks(self._seconds), takes_self=True), init=False
    )

    async def until_ended(self, token: str) -> Never:
        """Raise NotAuthenticatedError once *token* is good no more."""
        await self._rechecks.until_over(token, partial(self._accounts.authenticate, token))


@frozen
class Waiting:
    """Answers requests that wait for news; who waits no time is answered like any other."""

    _watchers: Watchers
    _tokens: TokenWatch

    async def outlast(
        self, actor: Actor, token: str, seconds: int, news: Callable[[], Awaitable[T]]
    ) -> T:
        """
        Return *news*, for which the actor is ready to wait so many seconds.

        Raises:
            TooManyRequestsError: If the user has all of their places in use.
            NotAuthenticatedError: If *token* ends before.
        """
        if not seconds:
            return await news()
        with self._watchers.place_to_wait(actor):
            return await first_of(news, partial(self._tokens.until_ended, token))


@frozen(kw_only=True)
class Watch:
    """
    Shows something to one watcher, batch by batch.

    The next one is fetched when the last one is taken, so that a slow watcher holds
    one batch in memory, and one who does not take it for a while is sent away.
    """

    _tokens: TokenWatch
    _limits: Limits
    _lifetime: Lifetime

    async def show(
        self,
        token: str,
        followed: AsyncGenerator[T, None],
        send: Send[T],
        *others: Callable[[], Awaitable[Ending]],
    ) -> Ending:
        """Show all of *followed* while *token* is good, or until one of *others* returns."""
        shown = partial(self._show_all, followed, send)
        signed_out = partial(self._tokens.until_ended, token)
        try:
            return await first_of(shown, signed_out, self._until_closing, *others)
        except NotAuthenticatedError:
            return Ending.SIGNED_OUT
        except NotFoundError:
            return Ending.GONE
        except OSError:
            return Ending.LEFT

    async def _show_all(self, followed: AsyncGenerator[T, None], send: Send[T]) -> Ending:
        async with aclosing(followed) as batches:
            async for batch in batches:
                with move_on_after(self._limits.watch_stall_seconds) as patience:
                    await send(batch)
                if patience.cancelled_caught:
                    return Ending.TOO_SLOW
        return Ending.OVER

    async def _until_closing(self) -> Ending:
        await self._lifetime.until_ending()
        return Ending.CLOSING


@frozen(kw_only=True)
class LogWatch:
    """Shows a log to one watcher as it grows."""

    _watch: Watch
    _logs: LogService
    _limits: Limits
    _metrics: Metrics
    _rechecks: Rechecks = field(
        default=Factory(lambda self: Rechecks(self._limits.watch_check_seconds), takes_self=True),
        init=False,
    )

    async def show(
        self,
        ticket: Ticket,
        send: Send[Sequence[LogLine]],
        *others: Callable[[], Awaitable[Ending]],
    ) -> Ending:
        """Show the log until it is over or not theirs to see, or one of *others* returns."""
        followed = self._logs.follow(ticket.actor, ticket.deployment_id, after=ticket.after)
        counted = partial(self._send, send)
        out_of_sight = partial(self._until_out_of_sight, ticket)
        return await self._watch.show(ticket.token, followed, counted, out_of_sight, *others)

    async def _send(self, send: Send[Sequence[LogLine]], lines: Sequence[LogLine]) -> None:
        await send(lines)
        self._metrics.streamed(len(lines))

    async def _until_out_of_sight(self, ticket: Ticket) -> Never:
        """Raise NotFoundError once who watches is out of the team, as lines come without a look."""
        visible = partial(self._logs.require_visible, ticket.actor, ticket.deployment_id)
        await self._rechecks.until_over((ticket.actor, ticket.deployment_id), visible)


@lru_cache(maxsize=256)
def encoded(line: LogLine) -> str:
    """Return *line* as JSON; a line that many watch is written once."""
    return msgspec.json.encode(DeploymentLogResponse.of(line)).decode()


async def first_of(*contenders: Callable[[], Awaitable[T]]) -> T:
    """Return or raise what the first of *contenders* to end does; the others are cancelled."""
    results: list[T] = []
    errors: list[Exception] = []
    async with create_task_group() as tasks:

        async def run(contender: Callable[[], Awaitable[T]]) -> None:
            try:
                results.append(await contender())
            except Exception as error:  # noqa: BLE001  # it is raised again below
                errors.append(error)
            tasks.cancel_scope.cancel()

        for contender in contenders:
            tasks.start_soon(run, contender)
    if errors:
        raise errors[0]
    return results[0]
