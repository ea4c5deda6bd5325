"""Runs programs on this host. The platform starts all programs through this port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Protocol

from attrs import field, frozen

EXIT_UNKNOWN = "is gone"
"""The description of an exit whose status is unknown, for example after a power failure."""


class OutputStream(StrEnum):
    """The output stream that a program wrote to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@frozen(kw_only=True)
class OutputChunk:
    """
    A chunk of a program's output, at most 16 KiB.

    It can contain several lines or part of a line.
    """

    stream: OutputStream
    data: bytes = field(repr=False)
    written_at: datetime
    position: str = ""
    """
    The position after this chunk, from which reading can continue. Empty for the output of
    `ProcessManager.run`.
    """
    follows_gap: bool = False
    """True if the output directly before this chunk was dropped before it could be read."""


@frozen(kw_only=True)
class ResourceLimits:
    """
    Resource limits of a program. None keeps the limit of the host.

    Memory, CPUs and processes are limited for the whole process tree. If the host does not support
    this, memory is limited for each process separately, processes for each user id other than the
    platform's own, and CPUs not at all.
    """

    memory_bytes: int | None = None
    cpus: float | None = None
    """The number of CPUs that the program can use, for example 0.5."""
    cpu_weight: int | None = None
    """
    The share of CPU time while other programs need the CPUs too, from 1 to 10,000. The platform's
    own programs have a weight of 100 each, and so does the whole process tree of this program if
    this is None and `cpus` is set. If the host does not support this, each process gets a lower
    priority (`nice`) instead.
    """
    cpu_seconds: int | None = None
    """The maximum CPU time of each process, in seconds."""
    file_bytes: int | None = None
    """The maximum size of a file that the program writes, in bytes."""
    open_files: int | None = None
    """The maximum number of open files of each process."""
    processes: int | None = None


@frozen(kw_only=True)
class Command:
    """
    A program to run, with its complete environment.

    The program is executed without a shell and inherits nothing: no environment variables, open
    files or signal mask. `argv[0]` is an absolute path. In addition to `env`, the program gets the
    environment variable PUSHPAKA_PROCESS, which the platform uses to find its descendants.
    """

    argv: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(factory=dict, repr=False)
    uid: int | None = None
    """
    The user and group id that the program runs as. Only root can set an id other than its
    own.
    """
    private_tmp: Path | None = None
    """
    The directory that a program of another user sees as /tmp and /var/tmp.

    If the host supports it, the program also gets its own shared memory, semaphores and message
    queues, which are deleted when it exits. Programs that run as the platform's own user share
    these resources with the host.
    """
    limits: ResourceLimits = ResourceLimits()
    stdin: bytes = field(default=b"", repr=False)
    """The content of standard input."""


@frozen(kw_only=True)
class Exit:
    """How a program ended. If both code and signal are None, the exit status is unknown."""

    code: int | None = None
    """The exit code, or None if a signal ended the program."""
    signal: int | None = None
    """The number of the signal that ended the program, or None."""
    memory_limit: int | None = None
    """The memory limit in bytes if processes were killed because it was reached, else None."""

    @property
    def succeeded(self) -> bool:
        """Return True if the exit code is 0."""
        return self.code == 0

    @property
    def description(self) -> str:
        """Describe how the program ended, for example "exited with code 1"."""
        if self.memory_limit is not None and not self.succeeded:
            ending = (
                "was killed: it" if self._was_killed else f"{self._plain_description} after it had"
            )
            return f"{ending} used more memory than its limit of {self.memory_limit >> 20} MiB"
        return self._plain_description

    @property
    def _was_killed(self) -> bool:
        """
        Return True if SIGKILL ended the program, or its child process whose exit status a shell
        reports.
        """
        return self.signal == SIGKILL or self.code == 128 + SIGKILL

    @property
    def _plain_description(self) -> str:
        if self.code is not None:
            return f"exited with code {self.code}"
        if self.signal is None:
            return EXIT_UNKNOWN
        name = Signals(self.signal).name if self.signal in set(Signals) else str(self.signal)
        return f"was terminated by signal {name}"


@frozen(kw_only=True)
class LaunchedProcess:
    """The state of a program that was started with `ProcessManager.launch`."""

    name: str
    pid: int | None
    """The process id of the program while it runs, else None."""
    started_at: datetime
    exit: Exit | None = None
    """How the program ended, or None while it runs."""

    @property
    def is_alive(self) -> bool:
        """Return True while the program runs."""
        return self.exit is None


class ProcessManager(Protocol):
    """
    Starts, watches and stops programs together with all their descendants.

    All descendants of a program end with it, even those that left its process group or session.
    Methods that start a program raise PlatformFaultError if the host cannot start it.
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
        Run *command* until it exits and return how it ended.

        The whole process tree is killed before this call returns, whether the program exits, the
        timeout expires or the call is canceled. It is also killed if the platform itself dies.

        Args:
            command: The program to run.
            on_output: A callback that receives the output, chunk by chunk.
            timeout: The maximum duration. None means no limit.

        Raises:
            TimeoutError: If the program is still running after *timeout*.
            PlatformFaultError: If the host cannot start the program.
        """
        ...

    async def launch(self, name: str, command: Command, /) -> LaunchedProcess:
        """
        Start *command* in the background so that it keeps running if the platform stops.

        The newest 20 MiB of its output are kept on disk until `remove` is called. If a program with
        this name has already been launched, its state is returned and nothing changes.

        Args:
            name: A unique name that consists of the characters [A-Za-z0-9._-].
            command: The program to run.

        Raises:
            PlatformFaultError: If the host cannot start the program.
        """
        ...

    async def inspect(self, name: str, /) -> LaunchedProcess | None:
        """Return the state of a launched program, or None if it is unknown or was removed."""
        ...

    async def list_launched(self) -> Sequence[LaunchedProcess]:
        """Return all launched programs that have not been removed, including ended ones."""
        ...

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """
        Stop a program: send SIGTERM, then SIGKILL to the whole process tree after *grace_period*.

        Return when all processes of the program have ended. Do nothing if it has already ended or
        is unknown.
        """

    async def remove(self, name: str, /) -> None:
        """
        Delete the record and the output of a program that has ended. Idempotent.

        Raises:
            ConflictError: If the program is still running.
        """

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """
        Yield the output of a launched program.

        Positions are opaque strings that sort in the order of the output. Output that has been
        dropped is skipped, see `OutputChunk.follows_gap`.

        Args:
            name: The name of the program.
            after: The position after which to start. An empty string starts at the oldest output.
            follow: Whether to wait for new output until the program has ended. Otherwise only the
                output that already exists is yielded.
        """
        ...

    async def listening_program(self, port: int, /, *, host: str = "127.0.0.1") -> str | None:
        """
        Return the name of the launched program that listens on a TCP port.

        Args:
            port: The TCP port.
            host: An IPv4 address. If several programs listen on the port, the one that receives
                connections to this address is returned.

        Returns:
            The name of the program, "" if another program listens on the port, or None if no
            program does.
        """
        ...

    async def listening_ports(self, name: str, /) -> Sequence[int]:
        """Return the TCP ports that the process tree of *name* listens on, in ascending order."""
        ...

    async def worker_processes(self, name: str, /) -> frozenset[str]:
        """
        Return the worker processes in the process tree of *name*.

        Worker processes listen on a TCP port or run the same program as their parent. Each is
        identified by a string that is never reused. The result is empty if the program is not
        running.
        """
        ...

    async def kill_orphans(self) -> int:
        """
        Kill orphaned descendants of programs of this instance, and return the number of killed
        processes.
        """
        ...
