"""Reads logs from storage for followers, with one query for readers at the same position."""

from collections.abc import Sequence
from functools import partial

from anyio import Semaphore
from attrs import define, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter, LogLine
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.accounts.permissions import get_entity
from pushpaka_core.services.single_flight import SingleFlight

MAX_LINES = 100
"""The maximum number of lines per batch."""
MAX_CHARACTERS = 16 * 1024
"""The maximum number of characters per batch, which is held in memory for each slow reader."""
MAX_CONCURRENT_READS = 4
"""How many queries run concurrently, so that many readers do not starve other requests."""


@frozen
class ReadPosition:
    """A reader of a log, and the `seq` of the last line that it has read."""

    actor: Actor
    deployment_id: DeploymentId
    after: int


@frozen(kw_only=True)
class LogSnapshot:
    """The next lines of a log, as stored at one moment."""

    lines: Sequence[LogLine]
    last_seq: int
    is_final: bool
    """Whether the log is complete, because its deployment is final."""

    @property
    def has_all_lines(self) -> bool:
        """Return True if the log had no lines after these."""
        return not self.lines or self.lines[-1].seq >= self.last_seq


@define
class LogReader:
    """Reads storage once for all readers that wait for the same lines at the same time."""

    _storage: Storage
    slots: Semaphore = field(factory=lambda: Semaphore(MAX_CONCURRENT_READS), init=False)
    """Limits the number of concurrent queries. Readers at the same position share a query."""
    _shared_reads: SingleFlight[ReadPosition, LogSnapshot] = field(factory=SingleFlight, init=False)

    async def read(self, read_position: ReadPosition) -> LogSnapshot:
        """
        Return the next lines, from a query that starts after this call.

        Raises:
            NotFoundError: If the reader cannot see the deployment.
        """
        return await self._shared_reads.do(
            read_position, partial(self._read_with_slot, read_position)
        )

    async def exists(self, id: DeploymentId) -> bool:
        """Return True if the deployment still exists and its project is not deleted."""
        async with self._storage.snapshot() as uow:
            try:
                deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            except NotFoundError:
                return False
            project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        return project.deleted_at is None

    async def _read_with_slot(self, read_position: ReadPosition) -> LogSnapshot:
        async with self.slots:
            # This query may miss lines that later readers wait for.
            self._shared_reads.forget(read_position)
            return await self._read(read_position)

    async def _read(self, read_position: ReadPosition) -> LogSnapshot:
        log_filter = LogFilter(
            after=read_position.after, limit=MAX_LINES, max_characters=MAX_CHARACTERS
        )
        async with self._storage.snapshot() as uow:
            deployment = await get_entity(
                uow,
                read_position.actor,
                uow.deployments,
                read_position.deployment_id,
                ProjectRole.VIEWER,
            )
            lines = await uow.logs.lines(deployment, log_filter)
        return LogSnapshot(lines=lines, last_seq=deployment.last_seq, is_final=deployment.is_final)
