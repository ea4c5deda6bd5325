"""Lines of one log on their way into storage: in batches, in order, each of them once."""

from collections import deque
from collections.abc import Iterable, Sequence

from anyio import CancelScope, Event, Lock, move_on_after, sleep
from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import LinesWritten
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.logs import LogEntry, LogLine
from pushpaka_core.errors import LeaseLostError, NotFoundError, StorageUnavailableError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.kept_lines import kept_lines
from pushpaka_core.services.log_trimming import LogTrimming
from pushpaka_core.services.output_reading import Mark

BATCH_LINES = 500
REST_SECONDS = 0.02
"""So long after a commit more lines are waited for; one that comes later is written at once."""
PAUSE_SECONDS = 1
"""Between two tries while the database is away."""


@define
class LogBatches:
    """
    Lines that are not committed yet, and how far the output of instances is in them.

    While one batch is committed the next one is gathered. Once the lease is lost, waiting
    for room or for a commit raises LeaseLostError.
    """

    _storage: Storage
    _events: EventBus
    _deployment_id: DeploymentId
    _fence: int | None = None
    _trimming: LogTrimming | None = None
    _pending: list[LogEntry] = field(factory=list, init=False)
    _marks: deque[Mark] = field(factory=deque, init=False)
    _doubtful: int = field(default=0, init=False)
    """How many lines were to be committed when the storage went away."""
    _leaving: int = field(default=0, init=False)
    """How many of the pending lines the storage has taken and is about to commit."""
    _committed: int = field(default=0, init=False)
    _last_seq: int = field(default=0, init=False)
    """The number of the last line that is known to be committed."""
    _lost: LeaseLostError | None = field(default=None, init=False)
    _flushing: Lock = field(factory=Lock, init=False)
    _has_more: Event = field(factory=Event, init=False)
    _is_full: Event = field(factory=Event, init=False)
    _has_room: Event = field(factory=Event, init=False)

    @property
    def pending(self) -> Sequence[LogEntry]:
        """Return the lines that are not committed."""
        return self._pending

    @property
    def has_room(self) -> bool:
        """Tell whether more lines can come: what is pending does not fill a batch."""
        return len(self._pending) - self._leaving < BATCH_LINES

    def add(self, entries: Iterable[LogEntry]) -> None:
        """Take more lines."""
        self._pending += entries
        self._has_more.set()

    def mark_read(self, instance_id: InstanceId, position: str) -> None:
        """Note how far an instance's output is in the log; kept with the lines before it."""
        self._marks.append(Mark(self._committed + len(self._pending), instance_id, position))
        self._has_more.set()

    async def make_room(self) -> None:
        """Wait until what is pending does not fill a batch, beside one that is committed."""
        while self._lost is None and not self.has_room:
            self._is_full.set()
            await self._has_room.wait()
        if self._lost:
            raise self._lost

    async def flush(self) -> None:
        """Commit what is pending, however long the database is away."""
        while self._is_pending and self._lost is None:
            async with self._flushing:
                await self._flush_batch()
        if self._lost:
            raise self._lost

    async def flush_often(self) -> None:
        """Commit lines as they come, those together that come during a commit, without end."""
        while self._lost is None:
            if self._trimming:
                await self._trimming.trim_if_due()
            if not self._is_pending:
                await self._has_more.wait()
            self._has_more, self._is_full = Event(), Event()
            async with self._flushing:
                await self._flush_batch()
            if self.has_room:
                with move_on_after(REST_SECONDS):
                    await self._is_full.wait()

    @property
    def _is_pending(self) -> bool:
        return bool(self._pending or self._marks)

    async def _flush_batch(self) -> None:
        if self._is_pending:
            with CancelScope(shield=True):
                committed = await self._commit_batch()
            if not committed and self._lost is None:
                await sleep(PAUSE_SECONDS)

    async def _commit_batch(self) -> bool:
        batch = self._pending[: self._doubtful or self._batch_size]
        try:
            lines = await self._keep(batch)
        except StorageUnavailableError:
            self._doubtful = len(batch)
            return False
        except LeaseLostError as error:
            self._lost = error
            return False
        except NotFoundError as error:
            self._lost = LeaseLostError(str(error))
            return False
        finally:
            self._let_in(leaving=0)
        self._doubtful = 0
        self._forget(len(batch))
        if self._trimming:
            self._trimming.note(sum(len(line.message) + 1 for line in lines))
        if lines:
            self._last_seq = lines[-1].seq
            await self._events.publish(LinesWritten(deployment_id=self._deployment_id, lines=lines))
        return True

    async def _keep(self, batch: Sequence[LogEntry]) -> Sequence[LogLine]:
        end = self._committed + len(batch)
        read = {mark.instance_id: mark.position for mark in self._marks if mark.line <= end}
        async with self._storage.transaction() as uow:
            lines = await self._known(uow, batch) if self._doubtful else ()
            lines = lines or await uow.logs.append(self._deployment_id, batch, fence=self._fence)
            for instance_id, position in read.items():
                await uow.instances.mark_read(instance_id, position)
            self._let_in(leaving=len(batch))
        return lines

    async def _known(self, uow: UnitOfWork, batch: Sequence[LogEntry]) -> Sequence[LogLine]:
        return await kept_lines(uow, self._deployment_id, batch, after=self._last_seq)

    def _let_in(self, *, leaving: int) -> None:
        """Let whoever waits for room look again: the next batch is filled during a commit."""
        self._leaving = leaving
        self._has_room.set()
        self._has_room = Event()

    @property
    def _batch_size(self) -> int:
        """Let a batch end at a mark: no line of an instance is kept without its position."""
        ends = [mark.line - self._committed for mark in self._marks]
        fitting = [end for end in ends if end <= BATCH_LINES]
        return max(fitting, default=min(ends, default=BATCH_LINES))

    def _forget(self, number: int) -> None:
        del self._pending[:number]
        self._committed += number
        while self._marks and self._marks[0].line <= self._committed:
            self._marks.popleft()
