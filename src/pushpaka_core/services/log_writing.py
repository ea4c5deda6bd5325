"""Writes what happens to a deployment into its log: masked, cut into lines, in batches."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from anyio import CancelScope, Lock, sleep
from attrs import define, field, frozen

from pushpaka_core.domain.deployments import DeploymentId, Phase
from pushpaka_core.domain.events import LinesWritten
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.logs import LineSplitter, LogEntry, LogLevel, LogStream, clean
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import LeaseLostError, StorageUnavailableError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import alongside

BATCH_LINES = 500
BATCH_SECONDS = 0.05
MOST_BUILD_OUTPUT = 20 * 1024 * 1024
TAIL_LINES = 20

_STREAMS = {Descriptor.STDOUT: LogStream.STDOUT, Descriptor.STDERR: LogStream.STDERR}


@define
class DeploymentLog:
    """
    The end of one deployment's log that is being written.

    Whoever writes waits where the database is slow, so that nothing is lost and
    nothing piles up. Once the lease is lost, writing raises LeaseLostError.
    """

    _storage: Storage
    _events: EventBus
    _now: Clock
    _deployment_id: DeploymentId
    _redactor: Redactor
    _fence: int | None
    _most_output: int | None
    _pending: list[LogEntry] = field(factory=list, init=False)
    _read: dict[InstanceId, str] = field(factory=dict, init=False)
    _output_size: int = field(default=0, init=False)
    _flushing: Lock = field(factory=Lock, init=False)
    _lost: LeaseLostError | None = field(default=None, init=False)

    async def say(self, message: str, phase: Phase, level: LogLevel = LogLevel.INFO) -> None:
        """Write what the platform has to say; each line of *message* becomes one of the log."""
        for line in message.splitlines():
            self._add(line, LogStream.SYSTEM, phase, level, self._now())
        await self._make_room()

    def output(self, phase: Phase, instance_id: InstanceId | None = None) -> "ProgramOutput":
        """Return where the output of one program goes; an instance's is noted as read."""
        return ProgramOutput(self, phase, instance_id)

    async def add_output(
        self, lines: list[str], stream: LogStream, phase: Phase, written_at: datetime
    ) -> list[str]:
        """Write lines of a program and return them as they are kept, up to the limit of a build."""
        kept = [self._redactor.redact(clean(line)) for line in lines]
        for line in kept:
            self._output_size += len(line) + 1
            if self._most_output is None or self._output_size <= self._most_output:
                self._add(line, stream, phase, LogLevel.INFO, written_at)
            elif self._output_size - len(line) - 1 <= self._most_output:
                marker = f"The output is over {self._most_output} bytes; the rest is not kept."
                self._add(marker, LogStream.SYSTEM, phase, LogLevel.WARN, self._now())
        await self._make_room()
        return kept

    def mark_read(self, instance_id: InstanceId, position: str) -> None:
        """Note how far an instance's output is in the log; kept with the lines before it."""
        self._read[instance_id] = position

    async def flush(self) -> None:
        """Commit what is pending, however long the database is away."""
        async with self._flushing:
            while (self._pending or self._read) and self._lost is None:
                with CancelScope(shield=True):
                    committed = await self._commit_batch()
                if not committed:
                    await sleep(1)
        if self._lost:
            raise self._lost

    async def flush_often(self) -> None:
        """Commit what is pending every 50 ms, without end."""
        while self._lost is None:
            await sleep(BATCH_SECONDS)
            try:
                await self.flush()
            except LeaseLostError:
                return

    async def _make_room(self) -> None:
        if len(self._pending) >= BATCH_LINES or self._lost:
            await self.flush()

    def _add(
        self, line: str, stream: LogStream, phase: Phase, level: LogLevel, at: datetime
    ) -> None:
        message = line if stream is not LogStream.SYSTEM else self._redactor.redact(clean(line))
        self._pending.append(
            LogEntry(level=level, stream=stream, phase=phase, message=message, created_at=at)
        )

    async def _commit_batch(self) -> bool:
        batch, read = self._pending[:BATCH_LINES], dict(self._read)
        try:
            async with self._storage.transaction() as uow:
                lines = await uow.logs.append(self._deployment_id, batch, fence=self._fence)
                for instance_id, position in read.items():
                    await uow.instances.mark_read(instance_id, position)
        except StorageUnavailableError:
            return False
        except LeaseLostError as error:
            self._lost = error
            return False
        del self._pending[: len(batch)]
        self._forget_read(read)
        if lines:
            await self._events.publish(LinesWritten(deployment_id=self._deployment_id, lines=lines))
        return True

    def _forget_read(self, read: Mapping[InstanceId, str]) -> None:
        for instance_id, position in read.items():
            if self._read.get(instance_id) == position:
                del self._read[instance_id]


def _decoder() -> IncrementalDecoder:
    return getincrementaldecoder("utf-8")(errors="replace")


@define
class ProgramOutput:
    """Takes the output of one program, chunk by chunk, and remembers its last lines."""

    _log: DeploymentLog
    _phase: Phase
    _instance_id: InstanceId | None = None
    _decoders: dict[Descriptor, IncrementalDecoder] = field(
        factory=lambda: {descriptor: _decoder() for descriptor in Descriptor}, init=False
    )
    _splitters: dict[Descriptor, LineSplitter] = field(
        factory=lambda: {descriptor: LineSplitter() for descriptor in Descriptor}, init=False
    )
    tail: deque[str] = field(factory=lambda: deque(maxlen=TAIL_LINES), init=False)

    async def __call__(self, chunk: OutputChunk) -> None:
        """Write the lines that *chunk* completes."""
        text = self._decoders[chunk.descriptor].decode(chunk.data)
        lines = list(self._splitters[chunk.descriptor].feed(text))
        await self._write(lines, chunk.descriptor, chunk.written_at)
        if self._instance_id is not None:
            self._log.mark_read(self._instance_id, chunk.position)

    async def finish(self, at: datetime) -> None:
        """Write what is left without a line end."""
        for descriptor in Descriptor:
            rest = self._decoders[descriptor].decode(b"", final=True)
            lines = [*self._splitters[descriptor].feed(rest), *self._splitters[descriptor].flush()]
            await self._write(lines, descriptor, at)

    async def _write(self, lines: list[str], descriptor: Descriptor, at: datetime) -> None:
        if lines:
            self.tail.extend(
                await self._log.add_output(lines, _STREAMS[descriptor], self._phase, at)
            )


@frozen
class LogWriting:
    """Opens the logs of deployments for writing."""

    _storage: Storage
    _events: EventBus
    _now: Clock

    @asynccontextmanager
    async def open(
        self,
        deployment_id: DeploymentId,
        redactor: Redactor,
        *,
        fence: int | None = None,
        most_output: int | None = None,
    ) -> AsyncIterator[DeploymentLog]:
        """Open a log, with a *fence* only as long as it is current; at the end all is written."""
        log = DeploymentLog(
            self._storage, self._events, self._now, deployment_id, redactor, fence, most_output
        )
        async with alongside(log.flush_often):
            try:
                yield log
            finally:
                with CancelScope(shield=True):
                    await _flush_at_end(log)


async def _flush_at_end(log: DeploymentLog) -> None:
    try:
        await log.flush()
    except LeaseLostError:
        return
