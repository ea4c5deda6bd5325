"""The log of one deployment while it is written: masked, cut into lines, in batches."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from math import inf
from weakref import WeakSet

from anyio import sleep
from attrs import define, field

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.logs import LineSplitter, LogEntry, LogLevel, LogStream
from pushpaka_core.domain.plain_text import clean
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import DeploymentFailedError
from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.log_batches import LogBatches
from pushpaka_core.services.output_reading import Channel, Reading, in_parts

TAIL_LINES = 20
ROUND_SECONDS, PATIENT_ROUNDS = 0.25, 4
"""So often nothing has to come for a line without an end to be shown: for a second."""

_STREAMS = {Descriptor.STDOUT: LogStream.STDOUT, Descriptor.STDERR: LogStream.STDERR}


@define
class DeploymentLog:
    """
    The end of one deployment's log that is being written.

    Whoever writes waits where the database is slow, so that nothing is lost and
    nothing piles up. Once the lease is lost, writing raises LeaseLostError.
    """

    _batches: LogBatches
    _now: Clock
    _redactor: Redactor
    _most_output: int | None = None
    _output_size: int = field(default=0, init=False)
    _outputs: "WeakSet[ProgramOutput]" = field(factory=WeakSet, init=False)

    async def say(self, message: str, phase: Phase, level: LogLevel = LogLevel.INFO) -> None:
        """Write what the platform has to say; each line of *message* becomes one of the log."""
        self._add(self.masked(message).split("\n"), LogStream.SYSTEM, phase, level, self._now())
        await self.make_room()

    def masked(self, text: str) -> str:
        """Return *text* in the form in which a log keeps it: in clean lines, without secrets."""
        splitter = LineSplitter(self._redactor)
        return "\n".join(map(self._masked, [*splitter.feed(text), *splitter.flush()]))

    def output(
        self,
        phase: Phase,
        instance_id: InstanceId | None = None,
        *,
        speaker: Callable[[], str] = str,
    ) -> "ProgramOutput":
        """
        Return where the output of one program goes; an instance's is noted as read.

        Each line begins with what *speaker* says when it is written.
        """
        output = ProgramOutput(self, self._redactor, phase, instance_id, speaker)
        self._outputs.add(output)
        return output

    def add_output(
        self, lines: Iterable[str], stream: LogStream, phase: Phase, written_at: datetime
    ) -> Sequence[str]:
        """Take lines of a program, up to the limit of a build, and return them as they are kept."""
        kept, had_room = [self._masked(line) for line in lines], self._room >= 0
        fitting = kept if self._most_output is None else takewhile(self._fits, kept)
        self._add(fitting, stream, phase, LogLevel.INFO, written_at)
        if had_room and self._room < 0:
            self._warn(
                f"The output is over {self._most_output} bytes; the rest is not kept.", phase
            )
        return kept

    def add_loss(self, phase: Phase) -> None:
        """Say that lines of a program are missing at this place."""
        self._warn("Some output is missing here: it could not be kept.", phase)

    def mark_read(self, instance_id: InstanceId, position: str) -> None:
        """Note how far an instance's output is in the log; kept with the lines before it."""
        self._batches.mark_read(instance_id, position)

    async def make_room(self) -> None:
        """Wait until more can be written."""
        await self._batches.make_room()

    async def flush(self) -> None:
        """Commit what is pending, however long the database is away."""
        await self._batches.flush()

    async def release_prompts_often(self) -> None:
        """Write lines without an end that nothing follows for a while, without end."""
        while True:
            await sleep(ROUND_SECONDS)
            # Whoever has to wait for room has not read the rest of the line yet.
            for output in list(self._outputs) if self._batches.has_room else ():
                output.release_prompts()

    @property
    def _room(self) -> float:
        """How many more bytes of output are kept."""
        return inf if self._most_output is None else self._most_output - self._output_size

    def _fits(self, line: str) -> bool:
        """Count one more line of output, and tell whether it is kept."""
        self._output_size += (len(line) if line.isascii() else len(line.encode())) + 1
        return self._room >= 0

    def _masked(self, line: str) -> str:
        return self._redactor.redact(clean(line))

    def _warn(self, message: str, phase: Phase) -> None:
        self._add([message], LogStream.SYSTEM, phase, LogLevel.WARN, self._now())

    def _add(
        self,
        messages: Iterable[str],
        stream: LogStream,
        phase: Phase,
        level: LogLevel,
        at: datetime,
    ) -> None:
        self._batches.add(
            LogEntry(level=level, stream=stream, phase=phase, message=message, created_at=at)
            for message in messages
        )


@define(eq=False)
class ProgramOutput:
    """Takes the output of one program, chunk by chunk, and remembers its last lines."""

    _log: DeploymentLog
    _redactor: Redactor
    _phase: Phase
    _instance_id: InstanceId | None = None
    _speaker: Callable[[], str] = str
    _channels: dict[Descriptor, Channel] = field(factory=dict, init=False)
    _reading: Reading = field(factory=Reading, init=False)
    _marked: str = field(default="", init=False)
    _quiet: Counter[Descriptor] = field(factory=Counter, init=False)
    """For how many rounds nothing has come of a line that has no end yet."""
    _tail: deque[str] = field(factory=lambda: deque(maxlen=TAIL_LINES), init=False)

    @property
    def place(self) -> str:
        """Return where to go on: all before it is in the log, or on its way."""
        return self._reading.place

    def begin_at(self, place: str) -> str:
        """Go on at the *place* that was noted last, and return behind which chunk to read."""
        self._reading, self._marked = Reading.after(place), place
        return self._reading.base

    async def __call__(self, chunk: OutputChunk) -> None:
        """Write the lines that *chunk* completes."""
        if chunk.is_after_loss:
            self.finish()
            self._reading.pass_loss()
            self._log.add_loss(self._phase)
        descriptor = chunk.descriptor
        channel = self._channels.setdefault(descriptor, Channel(self._redactor))
        self._quiet[descriptor] = 0
        for part in in_parts(self._reading.unread(chunk)):
            unwritten = channel.pending + len(part)
            self._write(descriptor, channel.feed(part, chunk.written_at), unwritten)
            await self._log.make_room()
        if (late := self._reading.held_back_by()) is not None:
            self._release(late)
        if (late := self._reading.held_back_by(beside=self._redactor.reach)) is not None:
            self._flush(late)
        self._mark()

    def release_prompts(self) -> None:
        """Write lines without an end of which nothing came for a while: somebody waits there."""
        for descriptor, channel in self._channels.items():
            self._quiet[descriptor] += 1
            if self._quiet[descriptor] == PATIENT_ROUNDS and channel.pending:
                self._release(descriptor)

    def finish(self) -> None:
        """Write what is left without a line end."""
        for descriptor in self._channels:
            self._flush(descriptor)

    def added_to(self, error: DeploymentFailedError) -> DeploymentFailedError:
        """Return *error* with the last lines of the program."""
        error.last_lines = tuple(self._tail)
        return error

    def _release(self, descriptor: Descriptor) -> None:
        unwritten = self._channels[descriptor].pending
        self._write(descriptor, self._channels[descriptor].release(), unwritten)

    def _flush(self, descriptor: Descriptor) -> None:
        channel = self._channels[descriptor]
        if unwritten := channel.pending:
            self._write(descriptor, channel.flush(), unwritten)

    def _write(self, descriptor: Descriptor, lines: Iterable[str], unwritten: int) -> None:
        """Write *lines*, into which those of the bytes *unwritten* went that are not pending."""
        channel = self._channels[descriptor]
        named = [self._speaker() + line for line in lines]
        self._tail.extend(
            self._log.add_output(named, _STREAMS[descriptor], self._phase, channel.written_at)
        )
        self._reading.consume(descriptor, unwritten - channel.pending)
        self._mark()

    def _mark(self) -> None:
        place = self._reading.place
        if self._instance_id is not None and place != self._marked:
            self._marked = place
            self._log.mark_read(self._instance_id, place)
