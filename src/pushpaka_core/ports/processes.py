"""Programs on this host: the one place of the platform that starts any."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Protocol

from attrs import field, frozen

GONE = "is gone"
"""How something has ended of whose end nobody knows, as when the host was switched off."""


class Descriptor(StrEnum):
    """Which of its two outputs a program wrote to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@frozen(kw_only=True)
class OutputChunk:
    """Bytes as a program wrote them, at most 16 KiB; a line may be spread over several."""

    descriptor: Descriptor
    data: bytes = field(repr=False)
    written_at: datetime
    position: str = ""
    """Where to read on after this chunk; empty for a command that is run, not launched."""
    is_after_loss: bool = False
    """Whether what was written right before it could not be kept until it was read."""


@frozen(kw_only=True)
class Limits:
    """
    What a program may take; None leaves the host's own limit.

    Memory, processors and processes are counted of the program and of all that
    it starts together. Where the host cannot do that, memory is limited for each
    process, processes for each user id that is not the platform's own, and
    processors not at all.
    """

    memory_bytes: int | None = None
    cpus: float | None = None
    """How many processors it may keep busy."""
    cpu_seconds: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None


@frozen(kw_only=True)
class Command:
    """
    A program with everything it will see.

    It is never given to a shell and inherits nothing: no environment, no open
    file, no signal mask. `argv[0]` is an absolute path. Beside `env` it sees one
    env var, PUSHPAKA_PROCESS, by which what came of it can be found again.
    """

    argv: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(factory=dict, repr=False)
    uid: int | None = None
    """The user (and group) id to run as; only root can set another one."""
    limits: Limits = Limits()
    stdin: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Exit:
    """How a program ended; without a code and a signal, it is GONE."""

    code: int | None = None
    """The exit code, or None where a signal ended it."""
    signal: int | None = None
    memory_limit: int | None = None
    """The limit in bytes, where it was reached and processes were killed for it."""

    @property
    def succeeded(self) -> bool:
        """Tell whether the exit code was 0."""
        return self.code == 0

    @property
    def words(self) -> str:
        """Say how it ended, as in "exited with code 1"."""
        if self.memory_limit is not None and not self.succeeded:
            ending = "was killed: it" if self._was_killed else f"{self._ending} after it had"
            return f"{ending} used more memory than its limit of {self.memory_limit >> 20} MiB"
        return self._ending

    @property
    def _was_killed(self) -> bool:
        """Tell this also of a shell that only says how the program in it ended."""
        return self.signal == SIGKILL or self.code == 128 + SIGKILL

    @property
    def _ending(self) -> str:
        if self.code is not None:
            return f"exited with code {self.code}"
        if self.signal is None:
            return GONE
        name = Signals(self.signal).name if self.signal in set(Signals) else str(self.signal)
        return f"was ended by signal {name}"


@frozen(kw_only=True)
class LaunchedProcess:
    """What is known of a program that outlives the platform."""

    name: str
    pid: int | None
    """The program's own process id while it lives."""
    started_at: datetime
    exit: Exit | None = None
    """None while it runs."""

    @property
    def is_alive(self) -> bool:
        """Tell whether the program runs."""
        return self.exit is None


class Processes(Protocol):
    """
    Starts programs, watches them and ends them with all that they have started.

    Whatever a program starts ends with it, also what left its process group or
    session. Raises PlatformFaultError where the host cannot start it.
    """

    async def run(
        self,
        command: Command,
        /,
        *,
        on_output: Callable[[OutputChunk], Awaitable[None]],
        timeout: timedelta | None = None,
    ) -> Exit:
        """
        Run *command* to its end.

        Cancelling the call, or *timeout*, kills the whole tree before this
        returns; a time-out raises TimeoutError. The tree does not outlive the
        platform either. *on_output* is called for one chunk after the other.
        """
        ...

    async def launch(self, name: str, command: Command, /) -> LaunchedProcess:
        """
        Start *command* under *name* ([A-Za-z0-9._-]), so that it outlives the platform.

        Its output is kept on disk (the newest 20 MiB) until it is forgotten. A
        name that is launched already is left as it is and returned.
        """
        ...

    async def inspect(self, name: str, /) -> LaunchedProcess | None:
        """Return what is known of *name*, or None when it was never launched or is forgotten."""
        ...

    async def launched(self) -> Sequence[LaunchedProcess]:
        """Return all that is launched and not forgotten, the dead included."""
        ...

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """
        End *name*: SIGTERM, and after *grace* SIGKILL for the whole tree.

        Returns when nothing of it is left. Harmless when it is dead or unknown.
        """

    async def forget(self, name: str, /) -> None:
        """
        Drop the record and the output of a dead process. Harmless to repeat.

        Raises:
            ConflictError: If it lives.
        """

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """
        Yield the output of *name* behind the position *after*, and what comes until it is dead.

        Positions are opaque and ordered; output that was dropped meanwhile is skipped.
        Where nobody wants to *follow* it, only what is there already is yielded.
        """
        ...

    async def listener(self, port: int, /, *, host: str = "127.0.0.1") -> str | None:
        """
        Return the launched name whose tree listens on TCP *port*, or "" for a foreign listener.

        Where several listen, it is the one that *host*, an IPv4 address, leads to. None means
        that nothing listens there.
        """
        ...

    async def ports(self, name: str, /) -> Sequence[int]:
        """Return the TCP ports that the tree of *name* listens on, in order."""
        ...

    async def sweep(self) -> int:
        """End the processes that came of ours and that nobody watches any more; return how many."""
        ...
