"""
What everybody who starts programs must do, as tests with real programs.

Derive a test class from `ProcessesContract` in a module whose fixture
`processes` gives a `Processes` that has launched nothing yet, and ends what
was launched when the test is over.
"""

import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from socket import create_server, socket
from uuid import uuid4

import anyio
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import evolve

from pushpaka_core.errors import ConflictError, PlatformFaultError
from pushpaka_core.ports.processes import (
    Command,
    Descriptor,
    Exit,
    LaunchedProcess,
    Limits,
    OutputChunk,
    Processes,
)

MOST_BYTES_IN_A_CHUNK = 16 * 1024

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
"""Leaves a process behind that has left the process group and the session."""

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


def sh(script: str, directory: Path, **env: str) -> Command:
    """Return a command that runs *script*, marked so that `living` finds all that comes of it."""
    return Command(argv=("/bin/sh", "-c", script), directory=directory, env=env)


def python(script: str, directory: Path, **env: str) -> Command:
    """Return a command that runs *script* in a small interpreter."""
    return Command(argv=(sys.executable, "-I", "-S", "-c", script), directory=directory, env=env)


async def living(mark: str) -> set[int]:
    """Return the processes in whose environment or command line *mark* is, zombies left out."""
    texts = await to_thread.run_sync(_texts)
    return {pid for pid, text in texts.items() if mark.encode() in text}


async def until_living(mark: str, pids: set[int | None]) -> None:
    """Wait until exactly *pids* carry *mark*: a program that is just being executed shows none."""
    with fail_after(10):
        while await living(mark) != pids:  # noqa: ASYNC110 - there is no event for it
            await sleep(0.01)


async def daemon_lives(directory: Path) -> bool:
    """Tell whether the daemon that DAEMON left in *directory* is there."""
    pid = await anyio.Path(directory, "daemon").read_text()
    return await anyio.Path("/proc", pid).exists()


async def run(processes: Processes, command: Command) -> tuple[Exit, list[OutputChunk]]:
    """Run *command* to its end."""
    chunks: list[OutputChunk] = []

    async def keep(chunk: OutputChunk) -> None:
        chunks.append(chunk)

    with fail_after(30):
        return await processes.run(command, on_output=keep), chunks


async def read(processes: Processes, name: str, *, until: bytes) -> OutputChunk:
    """Follow the output of *name* until it contains *until*; return the chunk that brought it."""
    seen = b""
    with fail_after(10):
        async for chunk in processes.output(name):
            seen += chunk.data
            if until in seen:
                return chunk
    raise AssertionError(seen)


async def ended(processes: Processes, name: str) -> LaunchedProcess:
    """Wait until *name* is dead."""
    with fail_after(10):
        while (process := await processes.inspect(name)) and process.is_alive:  # noqa: ASYNC110
            await sleep(0.01)
    assert process is not None
    return process


def text_of(chunks: list[OutputChunk], descriptor: Descriptor = Descriptor.STDOUT) -> str:
    """Return what was written to *descriptor*."""
    return b"".join(chunk.data for chunk in chunks if chunk.descriptor is descriptor).decode()


def _texts() -> dict[int, bytes]:
    texts: dict[int, bytes] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            text = b"".join((path / name).read_bytes() for name in ("environ", "cmdline"))
            texts[int(path.name)] = text
    return texts


class RunContract:
    """What is promised of programs that are run to their end."""

    async def test_run_tells_the_exit_code(self, processes: Processes, tmp_path: Path) -> None:
        """A program that exits is told by its code."""
        ending, _ = await run(processes, sh("exit 3", tmp_path))

        assert Exit(code=3) == ending

    async def test_run_tells_the_signal(self, processes: Processes, tmp_path: Path) -> None:
        """A program that a signal ended is told by the signal."""
        ending, _ = await run(processes, sh("kill -9 $$", tmp_path))

        assert Exit(signal=9) == ending

    async def test_output_comes_by_descriptor(self, processes: Processes, tmp_path: Path) -> None:
        """The two outputs are told apart."""
        _, chunks = await run(processes, sh("echo out; echo err >&2", tmp_path))

        assert ("out\n", "err\n") == (text_of(chunks), text_of(chunks, Descriptor.STDERR))

    async def test_a_line_without_end_comes_in_chunks(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """Ten megabytes without a newline come whole, in pieces of a bounded size."""
        script = "head -c 10000000 /dev/zero"

        _, chunks = await run(processes, sh(script, tmp_path, PATH="/usr/bin:/bin"))

        assert 10_000_000 == sum(len(chunk.data) for chunk in chunks)
        assert MOST_BYTES_IN_A_CHUNK >= max(len(chunk.data) for chunk in chunks)

    async def test_environment_is_what_was_ordered(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """Nothing of the platform's environment is inherited."""
        script = "import os; print(sorted(os.environ))"

        _, chunks = await run(processes, python(script, tmp_path, SECRET="s", LC_CTYPE="C"))

        assert "['LC_CTYPE', 'PUSHPAKA_PROCESS', 'SECRET']\n" == text_of(chunks)

    async def test_no_file_is_inherited(self, processes: Processes, tmp_path: Path) -> None:
        """A program sees its three standard files, and beside them only the list that it reads."""
        script = "import os; print(sorted(os.listdir('/proc/self/fd')))"

        _, chunks = await run(processes, python(script, tmp_path))

        assert "['0', '1', '2', '3']\n" == text_of(chunks)

    async def test_no_signal_is_ignored_or_blocked(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """Signals mean to a program what they mean to one that a terminal starts."""
        script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"

        _, chunks = await run(processes, sh(script, tmp_path, PATH="/usr/bin:/bin"))

        assert "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" == text_of(chunks)

    async def test_standard_input_and_directory(self, processes: Processes, tmp_path: Path) -> None:
        """A program reads what was ordered for it and stands in its directory."""
        command = evolve(sh("cat; pwd", tmp_path, PATH="/bin"), stdin=b"text\n" * 50_000)

        _, chunks = await run(processes, command)

        assert "text\n" * 50_000 + f"{tmp_path}\n" == text_of(chunks)

    async def test_limits_hold(self, processes: Processes, tmp_path: Path) -> None:
        """A program gets no more than its limits allow, and never leaves a core."""
        command = evolve(sh("ulimit -n; ulimit -c", tmp_path), limits=Limits(open_files=64))

        _, chunks = await run(processes, command)

        assert "64\n0\n" == text_of(chunks)

    async def test_memory_is_limited(self, processes: Processes, tmp_path: Path) -> None:
        """What a program allocates far beyond its limit is refused, or it is killed for it."""
        most = 128 * 2**20
        command = evolve(python("bytearray(2**30)", tmp_path), limits=Limits(memory_bytes=most))

        ending, chunks = await run(processes, command)

        was_refused = "MemoryError" in text_of(chunks, Descriptor.STDERR)
        assert not ending.succeeded
        assert was_refused or most == ending.memory_limit

    async def test_a_daemon_ends_with_the_program(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """What forked twice and left the session does not outlive the program."""
        ending, _ = await run(processes, python(DAEMON, tmp_path))

        assert Exit(code=0) == ending
        assert not await daemon_lives(tmp_path)

    async def test_a_time_out_kills_the_tree(self, processes: Processes, tmp_path: Path) -> None:
        """A program that takes too long is dead, with all that it started, when this is told."""
        mark = str(uuid4())
        command = sh("trap '' TERM; sleep 60 & sleep 60", tmp_path, PATH="/bin", MARK=mark)

        with pytest.raises(TimeoutError):
            await processes.run(command, on_output=_ignore, timeout=timedelta(seconds=0.2))

        assert set() == await living(mark)

    async def test_cancelling_kills_the_tree(self, processes: Processes, tmp_path: Path) -> None:
        """When a cancelled run returns, nothing of it is left."""
        mark = str(uuid4())
        command = sh("setsid sleep 60 & echo up; wait", tmp_path, PATH="/usr/bin:/bin", MARK=mark)

        async with create_task_group() as group:

            async def cancel(_: OutputChunk) -> None:
                group.cancel_scope.cancel()

            await processes.run(command, on_output=cancel)

        assert set() == await living(mark)

    async def test_an_error_of_the_reader_comes_through(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """What the reader of the output raises ends the program and arrives as it is."""
        mark = str(uuid4())

        async def refuse(_: OutputChunk) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await processes.run(sh("echo up; sleep 60", tmp_path, MARK=mark), on_output=refuse)

        assert set() == await living(mark)

    async def test_a_program_that_is_not_there(self, processes: Processes, tmp_path: Path) -> None:
        """A program that cannot be started is told with the reason, but not where it should be."""
        command = Command(argv=("/no/such/program",), directory=tmp_path)

        with pytest.raises(PlatformFaultError, match="program could not be run: No such") as fault:
            await processes.run(command, on_output=_ignore)

        assert "/no/such" not in str(fault.value)


class LaunchContract:
    """What is promised of programs that outlive the platform."""

    async def test_a_launched_program_lives(self, processes: Processes, tmp_path: Path) -> None:
        """It runs under its own process id and can be asked for."""
        mark = str(uuid4())

        process = await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path, MARK=mark))

        assert process.is_alive
        await until_living(mark, {process.pid})
        assert process == await processes.inspect("web.1")
        assert [process] == list(await processes.launched())

    async def test_a_name_is_launched_once(self, processes: Processes, tmp_path: Path) -> None:
        """A name that is launched already is left as it is, dead or alive."""
        first = await processes.launch("web.1", sh("exit 4", tmp_path))
        dead = await ended(processes, "web.1")

        again = await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        assert dead == again
        assert first.started_at == again.started_at

    async def test_two_launches_at_once_start_one_program(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """Whoever comes second gets the program of the first."""
        found: list[LaunchedProcess] = []

        async def launch() -> None:
            found.append(await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path)))

        async with create_task_group() as group:
            for _ in range(3):
                group.start_soon(launch)

        assert 1 == len({process.pid for process in found})

    async def test_the_exit_is_remembered(self, processes: Processes, tmp_path: Path) -> None:
        """How a program ended is known until it is forgotten."""
        await processes.launch("web.1", sh("exit 3", tmp_path))

        process = await ended(processes, "web.1")

        assert (None, Exit(code=3)) == (process.pid, process.exit)

    async def test_what_cannot_be_launched_is_not_known(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """A program that cannot be started is told with the reason and leaves no record."""
        with pytest.raises(PlatformFaultError, match="No such file or directory"):
            await processes.launch("web.1", Command(argv=("/no/such",), directory=tmp_path))

        assert await processes.inspect("web.1") is None
        assert [] == list(await processes.launched())

    async def test_output_is_followed(self, processes: Processes, tmp_path: Path) -> None:
        """A reader gets what was written, what is being written, and the end."""
        script = "echo one; read line < go; echo $line >&2"
        await _fifo(processes, tmp_path)
        await processes.launch("web.1", sh(script, tmp_path))
        await read(processes, "web.1", until=b"one\n")

        await run(processes, sh("echo two > go", tmp_path))

        chunks = [chunk async for chunk in processes.output("web.1")]
        assert ("one\n", "two\n") == (text_of(chunks), text_of(chunks, Descriptor.STDERR))
        assert [chunk.position for chunk in chunks] == sorted(chunk.position for chunk in chunks)

    async def test_output_is_resumed(self, processes: Processes, tmp_path: Path) -> None:
        """Reading on after a position gives each byte once."""
        await processes.launch("web.1", sh("echo one; sleep 0.1; echo two", tmp_path, PATH="/bin"))
        last = await read(processes, "web.1", until=b"one\n")

        chunks = [chunk async for chunk in processes.output("web.1", after=last.position)]

        assert "two\n" == text_of(chunks)

    async def test_a_long_output_comes_whole(self, processes: Processes, tmp_path: Path) -> None:
        """Ten megabytes without a newline come in pieces of a bounded size."""
        script = "head -c 10000000 /dev/zero"
        await processes.launch("web.1", sh(script, tmp_path, PATH="/usr/bin:/bin"))

        sizes = [len(chunk.data) async for chunk in processes.output("web.1")]

        assert 10_000_000 == sum(sizes)
        assert MOST_BYTES_IN_A_CHUNK >= max(sizes)

    async def test_a_program_may_end_in_peace(self, processes: Processes, tmp_path: Path) -> None:
        """Stopping asks first, and the program's own exit code is kept."""
        script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
        await processes.launch("web.1", sh(script, tmp_path, PATH="/bin"))
        await read(processes, "web.1", until=b"up")

        await processes.stop("web.1", grace=GRACE)

        process = await processes.inspect("web.1")
        assert process is not None
        assert Exit(code=7) == process.exit
        await read(processes, "web.1", until=b"bye")

    async def test_a_shell_does_not_cut_short_what_it_waits_for(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """A program behind a shell has its grace as well, though the shell goes at once."""
        inner = 'trap "sleep 0.2; echo bye; exit" TERM; echo up; while :; do sleep 0.05; done'
        await processes.launch("web.1", sh(f"sh -c '{inner}'; true", tmp_path, PATH="/bin"))
        await read(processes, "web.1", until=b"up")

        await processes.stop("web.1", grace=GRACE)

        await read(processes, "web.1", until=b"bye")

    async def test_a_deaf_program_is_killed(self, processes: Processes, tmp_path: Path) -> None:
        """What ignores SIGTERM is killed after the grace."""
        mark = str(uuid4())
        script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        await processes.launch("web.1", sh(script, tmp_path, PATH="/bin", MARK=mark))
        await read(processes, "web.1", until=b"up")

        await processes.stop("web.1", grace=timedelta(seconds=0.2))

        process = await processes.inspect("web.1")
        assert process is not None
        assert Exit(signal=9) == process.exit
        assert set() == await living(mark)

    async def test_a_daemon_is_stopped_too(self, processes: Processes, tmp_path: Path) -> None:
        """What forked twice, left the session and cleared its environment is ended as well."""
        await processes.launch(
            "web.1", python(DAEMON + "print('up', flush=True)\ntime.sleep(60)", tmp_path)
        )
        await read(processes, "web.1", until=b"up")

        await processes.stop("web.1", grace=GRACE)

        assert not await daemon_lives(tmp_path)

    async def test_a_storm_of_children_is_stopped(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """Fifty children, each in a session of its own, are ended with their parent."""
        mark = str(uuid4())
        await processes.launch("web.1", python(STORM, tmp_path, MARK=mark))
        await read(processes, "web.1", until=b"all there")

        await processes.stop("web.1", grace=NO_GRACE)

        assert set() == await living(mark)

    async def test_stopping_is_harmless(self, processes: Processes, tmp_path: Path) -> None:
        """What is dead or unknown may be stopped."""
        await processes.launch("web.1", sh("exit 3", tmp_path))
        dead = await ended(processes, "web.1")

        await processes.stop("web.1", grace=GRACE)
        await processes.stop("web.2", grace=GRACE)

        assert dead == await processes.inspect("web.1")

    async def test_what_is_forgotten_is_gone(self, processes: Processes, tmp_path: Path) -> None:
        """A forgotten name is unknown, without output, and free to be used again."""
        await processes.launch("web.1", sh("echo one", tmp_path))
        await ended(processes, "web.1")

        await processes.forget("web.1")
        await processes.forget("web.1")

        assert await processes.inspect("web.1") is None
        assert [] == [chunk async for chunk in processes.output("web.1")]
        assert (await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))).is_alive

    async def test_the_living_are_not_forgotten(self, processes: Processes, tmp_path: Path) -> None:
        """A program that runs keeps its record."""
        process = await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        with pytest.raises(ConflictError):
            await processes.forget("web.1")

        assert process == await processes.inspect("web.1")

    async def test_a_listener_is_known_by_name(self, processes: Processes, tmp_path: Path) -> None:
        """A port that a launched tree listens on is known as its own, behind a shell too."""
        script = f"{sys.executable} -I -S -c '{LISTENER}'; true"
        await processes.launch("web.1", sh(script, tmp_path))
        await processes.launch("web.2", sh("exec /bin/sleep 60", tmp_path))
        port = int((await read(processes, "web.1", until=b"\n")).data)

        assert "web.1" == await processes.listener(port)
        assert [port] == list(await processes.ports("web.1"))
        assert [] == list(await processes.ports("web.2"))

    async def test_a_foreign_listener_has_no_name(self, processes: Processes) -> None:
        """A port that somebody else listens on is told from a free one."""
        with create_server(("127.0.0.1", 0)) as server:
            assert "" == await processes.listener(_port(server))

    async def test_a_free_port_has_no_listener(self, processes: Processes) -> None:
        """A port on which nobody listens is told as such."""
        with socket() as bound:
            bound.bind(("127.0.0.1", 0))

            assert await processes.listener(_port(bound)) is None

    async def test_sweeping_leaves_what_is_watched(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        """A sweep ends orphans only."""
        process = await processes.launch("web.1", python(STORM, tmp_path))
        await read(processes, "web.1", until=b"all there")

        swept = await processes.sweep()

        assert 0 == swept
        assert process == await processes.inspect("web.1")


class ProcessesContract(RunContract, LaunchContract):
    """The promises of the port `Processes`."""


async def _ignore(_: OutputChunk) -> None:
    """Take output that says nothing to the test."""


async def _fifo(processes: Processes, directory: Path) -> None:
    await run(processes, sh("mkfifo go", directory, PATH="/usr/bin:/bin"))


def _port(bound: socket) -> int:
    port: int = bound.getsockname()[1]
    return port
