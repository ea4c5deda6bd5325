"""Logs of deployments: read as they are, or followed as they grow."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import timedelta

from anyio import Semaphore, move_on_after
from attrs import define, field, frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.domain.logs import LogFilter, LogLine
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage

MOST_LINES = 500
"""How many lines are handed on at once."""
READERS_AT_ONCE = 4
"""How many watchers read storage at a time, so that a crowd leaves others their turn."""
MOST_CHARACTERS = 32 * 1024
"""How much text is handed on at once: what a slow reader makes the platform hold."""


@frozen(kw_only=True)
class LogService:
    """Shows owners what their deployments say."""

    _storage: Storage
    _events: EventBus
    _recheck: timedelta = timedelta(seconds=5)
    """How long a lost message can hold lines back."""
    _places: Semaphore = field(factory=lambda: Semaphore(READERS_AT_ONCE))

    async def lines(
        self, actor: Actor, deployment_id: DeploymentId, wanted: LogFilter
    ) -> Sequence[LogLine]:
        """Return the wanted lines in order; NotFoundError for a deployment of somebody else."""
        async with self._storage.snapshot() as uow:
            await uow.deployments.visible_to(actor).get(deployment_id)
            return await uow.logs.lines(deployment_id, wanted)

    async def follow(
        self, actor: Actor, deployment_id: DeploymentId, *, after: int = 0
    ) -> AsyncGenerator[Sequence[LogLine], None]:
        """
        Yield the lines after *after* in batches, each line once, until the deployment is over.

        Who may stop before that closes it, as by `aclosing`.

        Raises:
            NotFoundError: At the first step, for a deployment of somebody else.
        """
        async with self._places:
            await self.lines(actor, deployment_id, LogFilter(limit=1))
        async with self._events.subscribe(deployment_id) as messages:
            follower = _Follower(
                storage=self._storage,
                places=self._places,
                messages=messages,
                recheck=self._recheck,
                actor=actor,
                deployment_id=deployment_id,
                after=after,
            )
            while batch := await follower.next_batch():
                yield batch


@define(kw_only=True)
class _Follower:
    """
    Reads storage until it has caught up, then takes lines from the bus while they follow on.

    It watches the bus from before its first read, so that no line falls in between.
    """

    _storage: Storage
    _places: Semaphore
    _messages: AsyncIterator[Message]
    _recheck: timedelta
    _actor: Actor
    _deployment_id: DeploymentId
    _after: int
    _is_behind: bool = field(default=True, init=False)
    """Whether storage may have lines that were not seen yet."""
    _is_over: bool = field(default=False, init=False)

    async def next_batch(self) -> Sequence[LogLine]:
        """Return the next lines, or none when the deployment is over and all were returned."""
        lines: Sequence[LogLine] = ()
        while not lines and (self._is_behind or not self._is_over):
            lines = await (self._stored_lines() if self._is_behind else self._live_lines())
        if lines:
            self._after = lines[-1].seq
        return lines

    async def _stored_lines(self) -> Sequence[LogLine]:
        """Read on, at a moment at which the end of the deployment is the end of its log."""
        async with self._places, self._storage.snapshot() as uow:
            try:
                deployment = await uow.deployments.visible_to(self._actor).get(self._deployment_id)
            except NotFoundError:
                self._is_behind, self._is_over = False, True
                return ()
            wanted = LogFilter(after=self._after, limit=MOST_LINES, most_characters=MOST_CHARACTERS)
            lines = await uow.logs.lines(self._deployment_id, wanted)
        self._is_behind = bool(lines) and lines[-1].seq < deployment.last_seq
        self._is_over = deployment.is_final
        return lines

    async def _live_lines(self) -> Sequence[LogLine]:
        """Wait for lines; whatever else happens is a reason to look into storage."""
        with move_on_after(self._recheck.total_seconds()):
            match await anext(self._messages):
                case LinesWritten(lines=[_, *_] as lines) as written:
                    fresh = [line for line in lines if line.seq > self._after]
                    if not fresh or (self._follow_on(fresh) and written.size <= MOST_CHARACTERS):
                        return fresh
                case DeploymentMoved(deployment=deployment) if not deployment.is_final:
                    return ()
        self._is_behind = True
        return ()

    def _follow_on(self, lines: Sequence[LogLine]) -> bool:
        return lines[0].seq == self._after + 1 and len(lines) <= MOST_LINES
