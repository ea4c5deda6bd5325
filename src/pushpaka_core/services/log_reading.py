"""Reads logs from storage for those who watch them; a crowd reads as one."""

from collections.abc import Sequence

from anyio import Event, Semaphore
from attrs import define, field, frozen

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogFilter, LogLine
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.roles import part_for

MOST_LINES = 100
"""How many lines are handed on at once."""
MOST_CHARACTERS = 16 * 1024
"""How much text is handed on at once: what a slow reader makes the platform hold."""
READERS_AT_ONCE = 4
"""How many read storage at a time, so that a crowd leaves others their turn."""


@frozen
class Place:
    """Who wants to read on in which log, and behind which line."""

    actor: Actor
    deployment_id: DeploymentId
    after: int


@frozen(kw_only=True)
class Look:
    """What storage knew of a log at one moment."""

    lines: Sequence[LogLine]
    last_seq: int
    is_final: bool
    """Whether the log is over: its deployment was final already."""

    @property
    def is_whole(self) -> bool:
        """Tell whether there were no more lines than these."""
        return not self.lines or self.lines[-1].seq >= self.last_seq


@define
class LogReading:
    """Looks into storage once for all who want to read on at the same place at the same time."""

    _storage: Storage
    turns: Semaphore = field(factory=lambda: Semaphore(READERS_AT_ONCE), init=False)
    """One for each who may read; others wait for theirs together."""
    _due: dict[Place, "_Due"] = field(factory=dict, init=False)

    async def look(self, place: Place) -> Look:
        """
        Return the next lines; they are as of now or later, never from before.

        Raises:
            NotFoundError: If there is no such deployment for the reader.
        """
        while due := self._due.get(place):
            await due.is_done.wait()
            if due.look is not None:
                return due.look
        return await self._look_for_all(place)

    async def is_left(self, id: DeploymentId) -> bool:
        """Tell whether there still is a deployment, of a project that is not deleted."""
        async with self._storage.snapshot() as uow:
            try:
                deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            except NotFoundError:
                return False
            project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        return project.deleted_at is None

    async def _look_for_all(self, place: Place) -> Look:
        due = self._due[place] = _Due()
        try:
            async with self.turns:
                del self._due[place]
                due.look = await self._look(place)
            return due.look
        finally:
            if self._due.get(place) is due:
                del self._due[place]
            due.is_done.set()

    async def _look(self, place: Place) -> Look:
        wanted = LogFilter(after=place.after, limit=MOST_LINES, most_characters=MOST_CHARACTERS)
        async with self._storage.snapshot() as uow:
            deployment = await part_for(
                uow, place.actor, uow.deployments, place.deployment_id, ProjectRole.VIEWER
            )
            lines = await uow.logs.lines(deployment, wanted)
        return Look(lines=lines, last_seq=deployment.last_seq, is_final=deployment.is_final)


@define(eq=False)
class _Due:
    """A look that others may join until it is taken."""

    look: Look | None = None
    """What was seen; None when whoever was to look had to leave."""
    is_done: Event = field(factory=Event)
