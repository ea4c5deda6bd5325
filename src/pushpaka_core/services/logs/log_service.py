"""Lets users read and follow the logs of deployments that they can view."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import timedelta

from attrs import Factory, define, evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message
from pushpaka_core.domain.logs.logs import LogFilter, LogLine
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.accounts.permissions import get_entity
from pushpaka_core.services.events import next_event
from pushpaka_core.services.logs.log_reader import (
    MAX_CHARACTERS,
    MAX_LINES,
    LogReader,
    ReadPosition,
)


@frozen(kw_only=True)
class LogService:
    """Reads and follows the logs of deployments."""

    _storage: Storage
    _events: EventBus
    _poll_interval: timedelta = timedelta(seconds=5)
    """The interval at which storage is checked, in case an event was lost."""
    _reader: LogReader = field(
        default=Factory(lambda self: LogReader(self._storage), takes_self=True), init=False
    )

    async def lines(
        self, actor: Actor, deployment_id: DeploymentId, log_filter: LogFilter
    ) -> Sequence[LogLine]:
        """
        Return the log lines that match *log_filter*, in order.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
        """
        async with self._storage.snapshot() as uow:
            deployment = await get_entity(
                uow, actor, uow.deployments, deployment_id, ProjectRole.VIEWER
            )
            return await uow.logs.lines(deployment, log_filter)

    async def require_visible(self, actor: Actor, deployment_id: DeploymentId) -> None:
        """
        Raise NotFoundError unless the actor can see the deployment and therefore read its
        log.
        """
        async with self._storage.snapshot() as uow:
            await get_entity(uow, actor, uow.deployments, deployment_id, ProjectRole.VIEWER)

    async def follow(
        self, actor: Actor, deployment_id: DeploymentId, *, after: int = 0
    ) -> AsyncGenerator[Sequence[LogLine], None]:
        """
        Yield the log lines after `seq` *after* in batches, until the deployment is final.

        Each line is yielded exactly once. A caller that may stop earlier must close the generator,
        for example with `contextlib.aclosing`.

        Raises:
            NotFoundError: If the actor cannot see the deployment, or loses access to it.
        """
        async with self._events.subscribe(deployment_id) as messages:
            follower = _LogFollower(
                reader=self._reader,
                messages=messages,
                poll_interval=self._poll_interval,
                position=ReadPosition(actor, deployment_id, after),
            )
            while batch := await follower.next_batch():
                yield batch


@define(kw_only=True)
class _LogFollower:
    """
    Reads storage until it has caught up, then takes consecutive lines from the event bus.

    The follower subscribes to the bus before the first read, so that no line is missed in between.
    """

    _reader: LogReader
    _messages: AsyncIterator[Message]
    _poll_interval: timedelta
    _position: ReadPosition
    _has_been_visible: bool = field(default=False, init=False)
    """Whether the reader has already seen the deployment."""
    _is_behind: bool = field(default=True, init=False)
    """Whether storage may have lines that were not returned yet."""
    _is_over: bool = field(default=False, init=False)

    async def next_batch(self) -> Sequence[LogLine]:
        """
        Return the next lines, or an empty sequence if the deployment is final and all lines were
        returned.
        """
        lines: Sequence[LogLine] = ()
        while not lines and (self._is_behind or not self._is_over):
            lines = await (self._stored_lines() if self._is_behind else self._live_lines())
        if lines:
            self._position = evolve(self._position, after=lines[-1].seq)
        return lines

    async def _stored_lines(self) -> Sequence[LogLine]:
        """
        Read the next lines and whether the log is complete, in one snapshot.

        If the deployment was removed after an earlier read, the log ends without an error.
        """
        try:
            seen = await self._reader.read(self._position)
        except NotFoundError:
            if not self._has_been_visible or await self._reader.exists(
                self._position.deployment_id
            ):
                raise
            self._is_behind, self._is_over = False, True
            return ()
        self._has_been_visible, self._is_behind = True, not seen.has_all_lines
        self._is_over = seen.is_final
        return seen.lines

    async def _live_lines(self) -> Sequence[LogLine]:
        """Wait for consecutive lines from the bus. After any other event, storage is read next."""
        match await next_event(self._messages, timeout=self._poll_interval):
            case LogLinesAppended(lines=[_, *_] as lines) as written:
                fresh = [line for line in lines if line.seq > self._position.after]
                if not fresh or (self._is_consecutive(fresh) and written.size <= MAX_CHARACTERS):
                    return fresh
            case DeploymentChanged(deployment=deployment) if not deployment.is_final:
                return ()
        self._is_behind = True
        return ()

    def _is_consecutive(self, lines: Sequence[LogLine]) -> bool:
        return lines[0].seq == self._position.after + 1 and len(lines) <= MAX_LINES
