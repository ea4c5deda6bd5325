"""Logs of deployments: read as they are, or followed as they grow."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import timedelta

from anyio import move_on_after
from attrs import Factory, define, evolve, field, frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.domain.logs import LogFilter, LogLine
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.log_reading import MOST_CHARACTERS, MOST_LINES, LogReading, Place
from pushpaka_core.services.roles import part_for


@frozen(kw_only=True)
class LogService:
    """Shows owners what their deployments say."""

    _storage: Storage
    _events: EventBus
    _recheck: timedelta = timedelta(seconds=5)
    """How long a lost message can hold lines back."""
    _reading: LogReading = field(
        default=Factory(lambda self: LogReading(self._storage), takes_self=True), init=False
    )

    async def lines(
        self, actor: Actor, deployment_id: DeploymentId, wanted: LogFilter
    ) -> Sequence[LogLine]:
        """Return the wanted lines in order; NotFoundError for a deployment of somebody else."""
        async with self._storage.snapshot() as uow:
            deployment = await part_for(
                uow, actor, uow.deployments, deployment_id, ProjectRole.VIEWER
            )
            return await uow.logs.lines(deployment, wanted)

    async def require_visible(self, actor: Actor, deployment_id: DeploymentId) -> None:
        """Return where the actor may read a log; NotFoundError."""
        async with self._storage.snapshot() as uow:
            await part_for(uow, actor, uow.deployments, deployment_id, ProjectRole.VIEWER)

    async def follow(
        self, actor: Actor, deployment_id: DeploymentId, *, after: int = 0
    ) -> AsyncGenerator[Sequence[LogLine], None]:
        """
        Yield the lines after *after* in batches, each line once, until the deployment is over.

        Who may stop before that closes it, as by `aclosing`.

        Raises:
            NotFoundError: For a deployment of somebody else, also one that has become so.
        """
        async with self._events.subscribe(deployment_id) as messages:
            follower = _Follower(
                reading=self._reading,
                messages=messages,
                recheck=self._recheck,
                place=Place(actor, deployment_id, after),
            )
            while batch := await follower.next_batch():
                yield batch


@define(kw_only=True)
class _Follower:
    """
    Reads storage until it has caught up, then takes lines from the bus while they follow on.

    It watches the bus from before its first read, so that no line falls in between.
    """

    _reading: LogReading
    _messages: AsyncIterator[Message]
    _recheck: timedelta
    _place: Place
    _is_known: bool = field(default=False, init=False)
    """Whether there was such a deployment for the reader."""
    _is_behind: bool = field(default=True, init=False)
    """Whether storage may have lines that were not seen yet."""
    _is_over: bool = field(default=False, init=False)

    async def next_batch(self) -> Sequence[LogLine]:
        """Return the next lines, or none when the deployment is over and all were returned."""
        lines: Sequence[LogLine] = ()
        while not lines and (self._is_behind or not self._is_over):
            lines = await (self._stored_lines() if self._is_behind else self._live_lines())
        if lines:
            self._place = evolve(self._place, after=lines[-1].seq)
        return lines

    async def _stored_lines(self) -> Sequence[LogLine]:
        """Read on, at a moment at which the end of the deployment is the end of its log."""
        try:
            seen = await self._reading.look(self._place)
        except NotFoundError:
            if not self._is_known or await self._reading.is_left(self._place.deployment_id):
                raise
            self._is_behind, self._is_over = False, True
            return ()
        self._is_known, self._is_behind = True, not seen.is_whole
        self._is_over = seen.is_final
        return seen.lines

    async def _live_lines(self) -> Sequence[LogLine]:
        """Wait for lines; whatever else happens is a reason to look into storage."""
        with move_on_after(self._recheck.total_seconds()):
            match await anext(self._messages):
                case LinesWritten(lines=[_, *_] as lines) as written:
                    fresh = [line for line in lines if line.seq > self._place.after]
                    if not fresh or (self._follow_on(fresh) and written.size <= MOST_CHARACTERS):
                        return fresh
                case DeploymentMoved(deployment=deployment) if not deployment.is_final:
                    return ()
        self._is_behind = True
        return ()

    def _follow_on(self, lines: Sequence[LogLine]) -> bool:
        return lines[0].seq == self._place.after + 1 and len(lines) <= MOST_LINES
