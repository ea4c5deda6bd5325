"""Writes the log of one deployment: splits output into lines, masks secrets and forms batches."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from math import inf
from weakref import WeakSet

from anyio import sleep
from attrs import define, field

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.logs.logs import LineSplitter, LogEntry, LogLevel, LogStream
from pushpaka_core.domain.logs.redaction import Redactor, strip_control_characters
from pushpaka_core.errors import DeploymentFailedError
from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.logs.log_batches import LogBuffer
from pushpaka_core.services.logs.output_reader import (
    OutputPosition,
    StreamSplitter,
    split_into_parts,
)

TAIL_LINES = 20
PROMPT_CHECK_SECONDS, QUIET_ROUNDS = 0.25, 4
"""
The seconds between checks for unfinished lines, and the number of checks without new output after
which an unfinished line is written.
"""

_STREAMS = {OutputStream.STDOUT: LogStream.STDOUT, OutputStream.STDERR: LogStream.STDERR}


@define
class DeploymentLog:
    """
    The log of one deployment, open for writing.

    Writers wait while the database is slow, so that no line is lost and memory stays bounded.
    Once the lease is lost, writing raises LeaseLostError.
    """

    _batches: LogBuffer
    _now: Clock
    _redactor: Redactor
    _max_output: int | None = None
    _output_size: int = field(default=0, init=False)
    _outputs: "WeakSet[ProgramOutput]" = field(factory=WeakSet, init=False)

    async def write(self, message: str, phase: Phase, level: LogLevel = LogLevel.INFO) -> None:
        """
        Write a message from the platform. Each line of *message* becomes a log line.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        self._add(self.redact(message).split("\n"), LogStream.SYSTEM, phase, level, self._now())
        await self.wait_for_room()

    def set_redactor(self, redactor: Redactor) -> None:
        """Mask the secrets of *redactor* from now on, except in outputs that are already open."""
        self._redactor = redactor

    def redact(self, text: str) -> str:
        """Return *text* as the log would store it: without control characters and secrets."""
        splitter = LineSplitter(self._redactor)
        return "\n".join(map(self._redact_line, [*splitter.feed(text), *splitter.flush()]))

    def open_output(
        self,
        phase: Phase,
        instance_id: InstanceId | None = None,
        *,
        line_prefix: Callable[[], str] = str,
    ) -> "ProgramOutput":
        """
        Return a writer for the output of one program.

        Args:
            phase: The phase that the lines are stored with.
            instance_id: The instance whose output is read. The read position is stored with the
                lines.
            line_prefix: Returns the prefix of each line, at the time of writing.
        """
        output = ProgramOutput(self, self._redactor, phase, instance_id, line_prefix)
        self._outputs.add(output)
        return output

    def add_output(
        self, lines: Iterable[str], stream: LogStream, phase: Phase, written_at: datetime
    ) -> Sequence[str]:
        """
        Add lines that a program printed, and return them masked.

        Once the output limit is exceeded, lines are dropped after a single warning.
        """
        kept, had_room = [self._redact_line(line) for line in lines], self._output_budget >= 0
        accepted = kept if self._max_output is None else takewhile(self._fits, kept)
        self._add(accepted, stream, phase, LogLevel.INFO, written_at)
        if had_room and self._output_budget < 0:
            self._warn(
                f"The output exceeds {self._max_output} bytes. The rest is not stored.", phase
            )
        return kept

    def add_loss_warning(self, phase: Phase) -> None:
        """Write a warning that some output is missing here."""
        self._warn("Some output is missing here because it could not be stored.", phase)

    def record_position(self, instance_id: InstanceId, position: str) -> None:
        """Record how far an instance's output was read, to be stored with the preceding lines."""
        self._batches.record_position(instance_id, position)

    async def wait_for_room(self) -> None:
        """
        Wait until more lines can be added.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        await self._batches.wait_for_room()

    async def flush(self) -> None:
        """
        Commit all pending lines. If the database is down, wait for it.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        await self._batches.flush()

    async def flush_prompts_forever(self) -> None:
        """Write unfinished lines, such as prompts, after a second without output. Never returns."""
        while True:
            await sleep(PROMPT_CHECK_SECONDS)
            # While writers wait for room, the rest of a line may not have been read yet.
            for output in list(self._outputs) if self._batches.has_room else ():
                output.flush_prompts()

    @property
    def _output_budget(self) -> float:
        """
        The number of bytes of output that may still be stored. Negative once the limit is
        exceeded.
        """
        return inf if self._max_output is None else self._max_output - self._output_size

    def _fits(self, line: str) -> bool:
        """Count *line* toward the output limit, and return True if it still fits."""
        self._output_size += (len(line) if line.isascii() else len(line.encode())) + 1
        return self._output_budget >= 0

    def _redact_line(self, line: str) -> str:
        return self._redactor.redact(strip_control_characters(line))

    def _warn(self, message: str, phase: Phase) -> None:
        self._add([message], LogStream.SYSTEM, phase, LogLevel.WARN, self._now())

    def _add(
        self,
        messages: Iterable[str],
        stream: LogStream,
        phase: Phase,
        level: LogLevel,
        created_at: datetime,
    ) -> None:
        self._batches.add(
            LogEntry(
                level=level, stream=stream, phase=phase, message=message, created_at=created_at
            )
            for message in messages
        )


@define(eq=False)
class ProgramOutput:
    """Writes the output of one program to the log, chunk by chunk, and keeps its last lines."""

    _log: DeploymentLog
    _redactor: Redactor
    _phase: Phase
    _instance_id: InstanceId | None = None
    _line_prefix: Callable[[], str] = str
    _channels: dict[OutputStream, StreamSplitter] = field(factory=dict, init=False)
    _output_position: OutputPosition = field(factory=OutputPosition, init=False)
    _recorded_position: str = field(default="", init=False)
    _quiet_rounds: Counter[OutputStream] = field(factory=Counter, init=False)
    """The number of consecutive checks, for each stream, that found no new output."""
    _tail: deque[str] = field(factory=lambda: deque(maxlen=TAIL_LINES), init=False)

    @property
    def position(self) -> str:
        """Return the position to resume from: all output before it is in the log or pending."""
        return self._output_position.position

    def resume_at(self, position: str) -> str:
        """Resume at the stored *position*. Return the position of the last fully read chunk."""
        self._output_position, self._recorded_position = OutputPosition.parse(position), position
        return self._output_position.base_position

    async def __call__(self, chunk: OutputChunk) -> None:
        """
        Write the lines that *chunk* completes, waiting while the log is full.

        Raises:
            LeaseLostError: If the lease was lost.
        """
        if chunk.follows_gap:
            self.finish()
            self._output_position.skip_loss()
            self._log.add_loss_warning(self._phase)
        descriptor = chunk.stream
        channel = self._channels.setdefault(descriptor, StreamSplitter(self._redactor))
        self._quiet_rounds[descriptor] = 0
        for part in split_into_parts(self._output_position.add_chunk(chunk)):
            unwritten = channel.pending_bytes + len(part)
            self._write(descriptor, channel.feed(part, chunk.written_at), unwritten)
            await self._log.wait_for_room()
        if (overdue_stream := self._output_position.overdue_stream()) is not None:
            self._flush_prompt(overdue_stream)
        if (
            overdue_stream := self._output_position.overdue_stream(
                extra_chunks=self._redactor.max_length
            )
        ) is not None:
            self._flush(overdue_stream)
        self._record_position()

    def flush_prompts(self) -> None:
        """Write unfinished lines without recent output: they may be prompts that wait for input."""
        for descriptor, channel in self._channels.items():
            self._quiet_rounds[descriptor] += 1
            if self._quiet_rounds[descriptor] == QUIET_ROUNDS and channel.pending_bytes:
                self._flush_prompt(descriptor)

    def finish(self) -> None:
        """Write the unfinished lines that are left."""
        for descriptor in self._channels:
            self._flush(descriptor)

    def attach_tail(self, error: DeploymentFailedError) -> DeploymentFailedError:
        """Attach the last lines of the program to *error*, and return it."""
        error.last_lines = tuple(self._tail)
        return error

    def _flush_prompt(self, output_stream: OutputStream) -> None:
        unwritten = self._channels[output_stream].pending_bytes
        self._write(output_stream, self._channels[output_stream].release_partial_line(), unwritten)

    def _flush(self, output_stream: OutputStream) -> None:
        channel = self._channels[output_stream]
        if unwritten := channel.pending_bytes:
            self._write(output_stream, channel.flush(), unwritten)

    def _write(
        self, output_stream: OutputStream, lines: Iterable[str], unwritten_bytes: int
    ) -> None:
        """
        Write *lines*, and record how many bytes were consumed.

        *unwritten_bytes* is the number of pending bytes before the lines were split off.
        """
        channel = self._channels[output_stream]
        named = [self._line_prefix() + line for line in lines]
        self._tail.extend(
            self._log.add_output(named, _STREAMS[output_stream], self._phase, channel.written_at)
        )
        self._output_position.consume(output_stream, unwritten_bytes - channel.pending_bytes)
        self._record_position()

    def _record_position(self) -> None:
        place = self._output_position.position
        if self._instance_id is not None and place != self._recorded_position:
            self._recorded_position = place
            self._log.record_position(self._instance_id, place)
