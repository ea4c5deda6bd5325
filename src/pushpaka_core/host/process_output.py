"""Runs programs of this host and collects or discards their output."""

from collections import deque

from attrs import field, frozen

from pushpaka_core.ports.processes import Command, Exit, OutputChunk, OutputStream, ProcessManager

_MAX_SUMMARY = 300


@frozen(kw_only=True)
class ProgramResult:
    """The exit of a program and its output."""

    exit: Exit
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def output(self) -> str:
        """Return the standard output as text. Invalid UTF-8 is replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def errors(self) -> str:
        """Return the standard error as text. Invalid UTF-8 is replaced."""
        return self.stderr.decode(errors="replace")

    @property
    def error_summary(self) -> str:
        """Return the end of the standard error or output, as one line of at most 300 characters."""
        return (
            " ".join((self.errors or self.output).split())[-_MAX_SUMMARY:] or self.exit.description
        )


async def run_captured(
    process_manager: ProcessManager, command: Command, *, max_chunks: int | None = None
) -> ProgramResult:
    """
    Run *command* to completion and return its exit and output.

    Args:
        process_manager: Runs the program.
        command: The program.
        max_chunks: How many of the last chunks of each stream to keep. A chunk has up to 16 KiB.
            None keeps everything.

    Raises:
        PlatformFaultError: If the program cannot be started.
    """
    chunks = {descriptor: deque[bytes](maxlen=max_chunks) for descriptor in OutputStream}

    async def keep(chunk: OutputChunk) -> None:
        chunks[chunk.stream].append(chunk.data)

    ended = await process_manager.run(command, on_output=keep)
    return ProgramResult(
        exit=ended,
        stdout=b"".join(chunks[OutputStream.STDOUT]),
        stderr=b"".join(chunks[OutputStream.STDERR]),
    )


async def discard_output(_: OutputChunk) -> None:
    """Ignore the output of a program."""
