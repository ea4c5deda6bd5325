"""Commits the lines of one log in batches, in order and exactly once."""

from collections import deque
from collections.abc import Iterable, Sequence

from anyio import CancelScope, Event, Lock, move_on_after, sleep
from attrs import define, field

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId, InstanceId
from pushpaka_core.domain.logs.events import LogLinesAppended
from pushpaka_core.domain.logs.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.errors import LeaseLostError, NotFoundError, StorageUnavailableError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.logs.log_retention import LogRetention
from pushpaka_core.services.logs.output_reader import ReadMark

_MAX_CONCURRENT_LINES = 2000
"""How many lines of other writers may follow a batch that `find_committed_lines` can still find."""

BATCH_LINES = 500
COLLECT_SECONDS = 0.02
"""How long to collect lines after a commit. A line that arrives later is committed immediately."""
RETRY_SECONDS = 1
"""The pause between attempts while the database is down."""


async def find_committed_lines(
    uow: UnitOfWork, deployment_id: DeploymentId, batch: Sequence[LogEntry], *, after_seq: int
) -> Sequence[LogLine]:
    """
    Return the stored lines of *batch* if it was committed, else an empty sequence.

    The search starts after *after_seq*, the `seq` of the last line that is known to be committed,
    because a program may have printed the same lines before.
    """
    deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
    after_seq = max(after_seq, deployment.last_seq - len(batch) - _MAX_CONCURRENT_LINES)
    lines = await uow.logs.lines(deployment, LogFilter(after=after_seq))
    entries, batch_entries = [line.entry for line in lines], list(batch)
    starts = range(len(lines) - len(batch) + 1)
    found = (n for n in starts if entries[n : n + len(batch)] == batch_entries)
    return next((lines[n : n + len(batch)] for n in found), ())


@define
class LogBuffer:
    """
    Buffers log lines, and the positions up to which the output of instances was read.

    While one batch is committed, the next one is collected. Once the lease is lost, waiting for
    room or for a commit raises LeaseLostError.
    """

    _storage: Storage
    _events: EventBus
    _deployment_id: DeploymentId
    _fence: int | None = None
    _retention: LogRetention | None = None
    _pending: list[LogEntry] = field(factory=list, init=False)
    _marks: deque[ReadMark] = field(factory=deque, init=False)
    _unconfirmed_lines: int = field(default=0, init=False)
    """
    The size of the batch whose commit failed, else 0. The batch may have been committed anyway.
    """
    _committing_lines: int = field(default=0, init=False)
    """The number of pending lines that are being committed."""
    _committed: int = field(default=0, init=False)
    _last_seq: int = field(default=0, init=False)
    """The `seq` of the last line that is known to be committed."""
    _lease_lost_error: LeaseLostError | None = field(default=None, init=False)
    _flush_lock: Lock = field(factory=Lock, init=False)
    _has_more: Event = field(factory=Event, init=False)
    _is_full: Event = field(factory=Event, init=False)
    _has_room: Event = field(factory=Event, init=False)

    @property
    def pending(self) -> Sequence[LogEntry]:
        """Return the lines that are not committed yet."""
        return self._pending

    @property
    def has_room(self) -> bool:
        """Return True if less than a batch of lines is waiting for the next flush."""
        return len(self._pending) - self._committing_lines < BATCH_LINES

    def add(self, entries: Iterable[LogEntry]) -> None:
        """Add lines without waiting; call `wait_for_room` afterwards to bound the buffer."""
        self._pending += entries
        self._has_more.set()

    def record_position(self, instance_id: InstanceId, position: str) -> None:
        """Record how far an instance's output was read, to be stored with the preceding lines."""
        self._marks.append(ReadMark(self._committed + len(self._pending), instance_id, position))
        self._has_more.set()

    async def wait_for_room(self) -> None:
        """
        Wait until `has_room` is true.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        while self._lease_lost_error is None and not self.has_room:
            self._is_full.set()
            await self._has_room.wait()
        if self._lease_lost_error:
            raise self._lease_lost_error

    async def flush(self) -> None:
        """
        Commit all pending lines. If the database is down, wait for it.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        while self._is_pending and self._lease_lost_error is None:
            async with self._flush_lock:
                await self._flush_batch()
        if self._lease_lost_error:
            raise self._lease_lost_error

    async def flush_continuously(self) -> None:
        """Commit lines as they arrive, in batches, until the lease is lost."""
        while self._lease_lost_error is None:
            if self._retention:
                await self._retention.trim_if_due()
            if not self._is_pending:
                await self._has_more.wait()
            self._has_more, self._is_full = Event(), Event()
            async with self._flush_lock:
                await self._flush_batch()
            if self.has_room:
                with move_on_after(COLLECT_SECONDS):
                    await self._is_full.wait()

    @property
    def _is_pending(self) -> bool:
        return bool(self._pending or self._marks)

    async def _flush_batch(self) -> None:
        if self._is_pending:
            with CancelScope(shield=True):
                committed = await self._commit_batch()
            if not committed and self._lease_lost_error is None:
                await sleep(RETRY_SECONDS)

    async def _commit_batch(self) -> bool:
        batch = self._pending[: self._unconfirmed_lines or self._batch_size]
        try:
            lines = await self._store(batch)
        except StorageUnavailableError:
            self._unconfirmed_lines = len(batch)
            return False
        except LeaseLostError as error:
            self._lease_lost_error = error
            return False
        except NotFoundError:
            self._lease_lost_error = LeaseLostError("deployment")
            return False
        finally:
            self._wake_writers(remaining_lines=0)
        self._unconfirmed_lines = 0
        self._drop_committed_lines(len(batch))
        if self._retention:
            self._retention.record_written(sum(len(line.message) + 1 for line in lines))
        if lines:
            self._last_seq = lines[-1].seq
            await self._events.publish(
                LogLinesAppended(deployment_id=self._deployment_id, lines=lines)
            )
        return True

    async def _store(self, batch: Sequence[LogEntry]) -> Sequence[LogLine]:
        end = self._committed + len(batch)
        read = {mark.instance_id: mark.position for mark in self._marks if mark.line <= end}
        async with self._storage.transaction() as uow:
            lines = await self._find_committed(uow, batch) if self._unconfirmed_lines else ()
            lines = lines or await uow.logs.append(self._deployment_id, batch, fence=self._fence)
            for instance_id, position in read.items():
                await uow.instances.store_output_position(instance_id, position)
            self._wake_writers(remaining_lines=len(batch))
        return lines

    async def _find_committed(
        self, uow: UnitOfWork, batch: Sequence[LogEntry]
    ) -> Sequence[LogLine]:
        return await find_committed_lines(uow, self._deployment_id, batch, after_seq=self._last_seq)

    def _wake_writers(self, *, remaining_lines: int) -> None:
        """Wake the writers that wait for room, so that they fill the next batch during a commit."""
        self._committing_lines = remaining_lines
        self._has_room.set()
        self._has_room = Event()

    @property
    def _batch_size(self) -> int:
        """
        The size of the next batch.

        A batch ends at a read mark, because a read position is stored together with its lines.
        """
        ends = [mark.line - self._committed for mark in self._marks]
        valid_ends = [end for end in ends if end <= BATCH_LINES]
        return max(valid_ends, default=min(ends, default=BATCH_LINES))

    def _drop_committed_lines(self, count: int) -> None:
        del self._pending[:count]
        self._committed += count
        while self._marks and self._marks[0].line <= self._committed:
            self._marks.popleft()
