"""Contract tests for the `ProcessManager` port, with real programs.

Derive a test class from `ProcessManagerContract` in a module with the fixture `process_manager`: a
`ProcessManager` without launched programs, which ends all programs after the test.
"""

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import evolve

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import (
    Command,
    Exit,
    LaunchedProcess,
    OutputChunk,
    OutputStream,
    ProcessManager,
    ResourceLimits,
)

MAX_CHUNK_BYTES = 16 * 1024

GRACE = timedelta(seconds=5)
NO_GRACE = timedelta(0)

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists("daemon"):
    time.sleep(0.01)
"""
"""A Python program that starts a process which leaves its process group and its session."""

WORKER = """
import os, subprocess, time
subprocess.Popen(["/bin/sleep", "60"])
worker = os.fork()
if worker:
    print(worker, flush=True)
    os.wait()
time.sleep(60)
"""
"""A Python program that forks a worker process and starts `sleep` as a helper process."""

STORM = """
import os, time
for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
print("all there", flush=True)
time.sleep(60)
"""

LISTENER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""

FORKING_LISTENER = """
import os, signal, socket, time
server = socket.create_server(("127.0.0.1", 0))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(server.getsockname()[1], flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.fork() == 0:
        time.sleep(0.05)
        os._exit(0)
    time.sleep(0.005)
"""
"""A Python program that listens on a port and continuously forks short-lived workers."""


def sh(script: str, directory: Path, **env: str) -> Command:
    """Return a command that runs *script* in a shell, with *env* as its environment."""
    return Command(argv=("/bin/sh", "-c", script), directory=directory, env=env)


def python(script: str, directory: Path, **env: str) -> Command:
    """Return a command that runs *script* in an isolated interpreter."""
    return Command(argv=(sys.executable, "-I", "-S", "-c", script), directory=directory, env=env)


async def live_pids(mark: str) -> set[int]:
    """
    Return the ids of the processes whose environment or command line contains *mark*, except
    zombies.
    """
    texts = await to_thread.run_sync(_texts)
    return {pid for pid, text in texts.items() if mark.encode() in text}


async def wait_until_live(mark: str, pids: set[int | None]) -> None:
    """
    Wait until *mark* is found in exactly the processes *pids*.

    A process shows neither environment nor command line for a moment while it executes another
    program.
    """
    with fail_after(10):
        while await live_pids(mark) != pids:  # noqa: ASYNC110 - there is no event for it
            await sleep(0.01)


async def is_daemon_running(directory: Path) -> bool:
    """Return True if the daemon that DAEMON started in *directory* is running."""
    pid = await anyio.Path(directory, "daemon").read_text()
    return await anyio.Path("/proc", pid).exists()


async def run(processes: ProcessManager, command: Command) -> tuple[Exit, list[OutputChunk]]:
    """Run *command*, and return its exit and its output."""
    chunks: list[OutputChunk] = []

    async def keep(chunk: OutputChunk) -> None:
        chunks.append(chunk)

    with fail_after(30):
        return await processes.run(command, on_output=keep), chunks


async def read(process_manager: ProcessManager, name: str, *, expected: bytes) -> OutputChunk:
    """Read the output of program *name* until it contains *expected*. Return the last chunk."""
    seen = b""
    with fail_after(10):
        async for chunk in process_manager.output(name):
            seen += chunk.data
            if expected in seen:
                return chunk
    raise AssertionError(seen)


async def wait_until_exited(process_manager: ProcessManager, name: str) -> LaunchedProcess:
    """Wait until the program *name* has exited, and return its process."""
    with fail_after(10):
        while (process := await process_manager.inspect(name)) and process.is_alive:  # noqa: ASYNC110
            await sleep(0.01)
    assert process is not None
    return process


def output_text(
    chunks: list[OutputChunk], output_stream: OutputStream = OutputStream.STDOUT
) -> str:
    """Return the output to *output_stream*."""
    return b"".join(chunk.data for chunk in chunks if chunk.stream is output_stream).decode()


def _texts() -> dict[int, bytes]:
    texts: dict[int, bytes] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            text = b"".join((path / name).read_bytes() for name in ("environ", "cmdline"))
            texts[int(path.name)] = text
    return texts


class RunContract:
    """Tests of commands that the platform waits for."""

    async def test_run_returns_the_exit_code(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A program that exits is reported with its code."""
        ending, _ = await run(process_manager, sh("exit 3", tmp_path))

        assert Exit(code=3) == ending

    async def test_run_returns_the_signal(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A program that was killed is reported with the signal."""
        ending, _ = await run(process_manager, sh("kill -9 $$", tmp_path))

        assert Exit(signal=9) == ending

    async def test_streams_are_separate(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Every chunk of output belongs to either stdout or stderr."""
        _, chunks = await run(process_manager, sh("echo out; echo err >&2", tmp_path))

        assert ("out\n", "err\n") == (output_text(chunks), output_text(chunks, OutputStream.STDERR))

    async def test_endless_line_arrives_in_chunks(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Ten megabytes without a newline arrive complete, in chunks of limited size."""
        script = "head -c 10000000 /dev/zero"

        _, chunks = await run(process_manager, sh(script, tmp_path, PATH="/usr/bin:/bin"))

        assert 10_000_000 == sum(len(chunk.data) for chunk in chunks)
        assert MAX_CHUNK_BYTES >= max(len(chunk.data) for chunk in chunks)

    async def test_environment_is_exactly_the_given_one(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The program does not inherit variables from the platform's environment."""
        script = "import os; print(sorted(os.environ))"

        _, chunks = await run(process_manager, python(script, tmp_path, SECRET="s", LC_CTYPE="C"))

        assert "['LC_CTYPE', 'PUSHPAKA_PROCESS', 'SECRET']\n" == output_text(chunks)

    async def test_no_file_is_inherited(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Only the descriptors 0 to 2 are open. The program opens 3 itself, to list them."""
        script = "import os; print(sorted(os.listdir('/proc/self/fd')))"

        _, chunks = await run(process_manager, python(script, tmp_path))

        assert "['0', '1', '2', '3']\n" == output_text(chunks)

    async def test_no_signal_is_ignored_or_blocked(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Signals are handled as in a program that is started from a terminal."""
        script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"

        _, chunks = await run(process_manager, sh(script, tmp_path, PATH="/usr/bin:/bin"))

        assert "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" == output_text(chunks)

    async def test_program_gets_its_standard_input_and_directory(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The program reads its standard input, and starts in its directory."""
        command = evolve(sh("cat; pwd", tmp_path, PATH="/bin"), stdin=b"text\n" * 50_000)

        _, chunks = await run(process_manager, command)

        assert "text\n" * 50_000 + f"{tmp_path}\n" == output_text(chunks)

    async def test_limits_are_enforced(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Limits apply to the program, and it writes no core dump."""
        command = evolve(sh("ulimit -n; ulimit -c", tmp_path), limits=ResourceLimits(open_files=64))

        _, chunks = await run(process_manager, command)

        assert "64\n0\n" == output_text(chunks)

    async def test_memory_is_limited(self, process_manager: ProcessManager, tmp_path: Path) -> None:
        """An allocation far beyond the limit is refused, or the program is killed."""
        most = 128 * 2**20
        command = evolve(
            python("bytearray(2**30)", tmp_path), limits=ResourceLimits(memory_bytes=most)
        )

        ending, chunks = await run(process_manager, command)

        was_refused = "MemoryError" in output_text(chunks, OutputStream.STDERR)
        assert not ending.succeeded
        assert was_refused or most == ending.memory_limit

    async def test_a_daemon_ends_with_the_program(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A process that has forked twice and left the session ends with the program."""
        ending, _ = await run(process_manager, python(DAEMON, tmp_path))

        assert Exit(code=0) == ending
        assert not await is_daemon_running(tmp_path)

    async def test_a_timeout_kills_the_process_tree(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """TimeoutError is raised once the program and all its processes are dead."""
        mark = str(uuid4())
        command = sh("trap '' TERM; sleep 60 & sleep 60", tmp_path, PATH="/bin", MARK=mark)

        with pytest.raises(TimeoutError):
            await process_manager.run(command, on_output=_ignore, timeout=timedelta(seconds=0.2))

        assert set() == await live_pids(mark)

    async def test_canceling_kills_the_process_tree(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A canceled run returns once all its processes are dead."""
        mark = str(uuid4())
        command = sh("setsid sleep 60 & echo up; wait", tmp_path, PATH="/usr/bin:/bin", MARK=mark)

        async with create_task_group() as group:

            async def cancel(_chunk: OutputChunk) -> None:
                group.cancel_scope.cancel()

            await process_manager.run(command, on_output=cancel)

        assert set() == await live_pids(mark)

    async def test_error_of_the_reader_is_raised(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """An exception in the output callback ends the program and is raised unchanged."""
        mark = str(uuid4())

        async def refuse(_chunk: OutputChunk) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await process_manager.run(
                sh("echo up; sleep 60", tmp_path, MARK=mark), on_output=refuse
            )

        assert set() == await live_pids(mark)

    async def test_missing_program_is_reported_without_its_path(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The error contains the reason, but not the path."""
        command = Command(argv=("/no/such/program",), directory=tmp_path)

        with pytest.raises(PlatformFaultError, match="program could not be run: No such") as fault:
            await process_manager.run(command, on_output=_ignore)

        assert "/no/such" not in str(fault.value)


async def _ignore(_: OutputChunk) -> None:
    """Ignore the output."""
