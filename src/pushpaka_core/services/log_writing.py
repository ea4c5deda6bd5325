"""Writes what happens to a deployment into its log: masked, cut into lines, in batches."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from math import inf

from anyio import CancelScope, Lock, move_on_after, sleep
from attrs import define, field, frozen

from pushpaka_core.domain.deployments import DeploymentId, Phase
from pushpaka_core.domain.events import LinesWritten
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.logs import LineSplitter, LogEntry, LogLevel, LogStream, clean
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import LeaseLostError, NotFoundError, StorageUnavailableError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import alongside

BATCH_LINES = 500
BATCH_SECONDS = 0.05
MOST_BUILD_OUTPUT = 20 * 1024 * 1024
TAIL_LINES = 10
PAUSE_SECONDS = 1
"""Between two tries while the database is away."""
LAST_FLUSH_SECONDS = 5
"""How long somebody who was cancelled may still try to write what is left."""

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
        for line in self.masked(message).split("\n"):
            self._add(line, LogStream.SYSTEM, phase, level, self._now())
        await self.make_room()

    def masked(self, text: str) -> str:
        """Return *text* in the form in which a log keeps it: in clean lines, without secrets."""
        splitter = LineSplitter(self._redactor)
        return "\n".join(map(self._masked, [*splitter.feed(text), *splitter.flush()]))

    def output(self, phase: Phase, instance_id: InstanceId | None = None) -> "ProgramOutput":
        """Return where the output of one program goes; an instance's is noted as read."""
        return ProgramOutput(self, self._redactor, phase, instance_id)

    def add_output(
        self, lines: Iterable[str], stream: LogStream, phase: Phase, written_at: datetime
    ) -> Sequence[str]:
        """Take lines of a program, up to the limit of a build, and return them as they are kept."""
        kept = [self._masked(line) for line in lines]
        for line in kept:
            room = self._room
            self._output_size += len(line) + 1
            if self._room >= 0:
                self._add(line, stream, phase, LogLevel.INFO, written_at)
            elif room >= 0:
                marker = f"The output is over {self._most_output} bytes; the rest is not kept."
                self._add(marker, LogStream.SYSTEM, phase, LogLevel.WARN, self._now())
        return kept

    async def make_room(self) -> None:
        """Wait until what is pending fits into one batch."""
        if len(self._pending) >= BATCH_LINES or self._lost:
            await self.flush()

    def mark_read(self, instance_id: InstanceId, position: str) -> None:
        """Note how far an instance's output is in the log; kept with the lines before it."""
        self._read[instance_id] = position

    async def flush(self) -> None:
        """Commit what is pending, however long the database is away."""
        async with self._flushing:
            while (self._pending or self._read) and self._lost is None:
                with CancelScope(shield=True):
                    committed = await self._commit_batch()
                if not committed and self._lost is None:
                    await sleep(PAUSE_SECONDS)
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

    @property
    def _room(self) -> float:
        """How many more characters of output are kept."""
        return inf if self._most_output is None else self._most_output - self._output_size

    def _masked(self, line: str) -> str:
        return self._redactor.redact(clean(line))

    def _add(
        self, message: str, stream: LogStream, phase: Phase, level: LogLevel, at: datetime
    ) -> None:
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
        except NotFoundError as error:
            self._lost = LeaseLostError(str(error))
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


@define
class ProgramOutput:
    """Takes the output of one program, chunk by chunk, and remembers its last lines."""

    _log: DeploymentLog
    _redactor: Redactor
    _phase: Phase
    _instance_id: InstanceId | None = None
    _channels: dict[Descriptor, "_Channel"] = field(factory=dict, init=False)
    _tail: deque[str] = field(factory=lambda: deque(maxlen=TAIL_LINES), init=False)

    async def __call__(self, chunk: OutputChunk) -> None:
        """Write the lines that *chunk* completes."""
        channel = self._channels.setdefault(chunk.descriptor, _Channel(self._redactor))
        self._write(channel.feed(chunk), chunk.descriptor, chunk.written_at)
        if self._instance_id is not None:
            self._log.mark_read(self._instance_id, chunk.position)
        await self._log.make_room()

    def finish(self) -> None:
        """Write what is left without a line end."""
        for descriptor, channel in self._channels.items():
            self._write(channel.flush(), descriptor, channel.written_at)

    def below(self, sentence: str) -> str:
        """Return *sentence* with the last lines of the program below it."""
        return "\n".join([sentence, *self._tail])

    def _write(self, lines: Iterable[str], descriptor: Descriptor, at: datetime) -> None:
        self._tail.extend(self._log.add_output(lines, _STREAMS[descriptor], self._phase, at))


@define
class _Channel:
    """One output of a program, from bytes to lines."""

    _redactor: Redactor
    _splitter: LineSplitter = field(init=False)
    _decoder: IncrementalDecoder = field(
        factory=lambda: getincrementaldecoder("utf-8")(errors="replace"), init=False
    )
    written_at: datetime = field(init=False)

    @_splitter.default
    def _beside_secrets(self) -> LineSplitter:
        return LineSplitter(self._redactor)

    def feed(self, chunk: OutputChunk) -> Iterator[str]:
        """Return the lines that *chunk* completes."""
        self.written_at = chunk.written_at
        return self._splitter.feed(self._decoder.decode(chunk.data))

    def flush(self) -> Iterator[str]:
        """Yield what is left."""
        yield from self._splitter.feed(self._decoder.decode(b"", final=True))
        yield from self._splitter.flush()


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
                await _flush_at_end(log)
            finally:
                with move_on_after(LAST_FLUSH_SECONDS, shield=True):
                    await _flush_at_end(log)


async def _flush_at_end(log: DeploymentLog) -> None:
    try:
        await log.flush()
    except LeaseLostError:
        return
