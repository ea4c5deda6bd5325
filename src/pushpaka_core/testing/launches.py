"""Contract tests of launched programs, which keep running when the platform ends."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from signal import SIGKILL
from socket import create_server, socket
from uuid import uuid4

import pytest
from anyio import create_task_group, fail_after, to_thread
from anyio.lowlevel import checkpoint

from pushpaka_core.errors import ConflictError, PlatformFaultError
from pushpaka_core.ports.processes import (
    Command,
    Exit,
    LaunchedProcess,
    OutputStream,
    ProcessManager,
)
from pushpaka_core.testing.processes import (
    DAEMON,
    FORKING_LISTENER,
    GRACE,
    LISTENER,
    MAX_CHUNK_BYTES,
    NO_GRACE,
    STORM,
    WORKER,
    RunContract,
    is_daemon_running,
    live_pids,
    output_text,
    python,
    read,
    run,
    sh,
    wait_until_exited,
    wait_until_live,
)


class LaunchContract:
    """Tests of programs that outlive the platform."""

    async def test_launched_program_runs(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A launched program has a process id, and can be inspected and listed."""
        mark = str(uuid4())

        process = await process_manager.launch(
            "web.1", sh("exec /bin/sleep 60", tmp_path, MARK=mark)
        )

        assert process.is_alive
        await wait_until_live(mark, {process.pid})
        assert process == await process_manager.inspect("web.1")
        assert [process] == list(await process_manager.list_launched())

    async def test_launch_is_idempotent(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Launching a known name has no effect, whether its program runs or has exited."""
        first = await process_manager.launch("web.1", sh("exit 4", tmp_path))
        dead = await wait_until_exited(process_manager, "web.1")

        again = await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        assert dead == again
        assert first.started_at == again.started_at

    async def test_concurrent_launches_start_one_program(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """All callers get the program that the first of them has started."""
        found: list[LaunchedProcess] = []

        async def launch() -> None:
            found.append(await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path)))

        async with create_task_group() as group:
            for _ in range(3):
                group.start_soon(launch)

        assert 1 == len({process.pid for process in found})

    async def test_exit_is_stored(self, process_manager: ProcessManager, tmp_path: Path) -> None:
        """The exit status of a program is kept after the program has ended."""
        await process_manager.launch("web.1", sh("exit 3", tmp_path))

        process = await wait_until_exited(process_manager, "web.1")

        assert (None, Exit(code=3)) == (process.pid, process.exit)

    async def test_a_failed_launch_leaves_no_record(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The error contains the reason, and no record of the program is left."""
        with pytest.raises(PlatformFaultError, match="No such file or directory"):
            await process_manager.launch("web.1", Command(argv=("/no/such",), directory=tmp_path))

        assert await process_manager.inspect("web.1") is None
        assert [] == list(await process_manager.list_launched())

    async def test_output_is_followed(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A reader receives earlier output, new output, and then the end of the output."""
        script = "echo one; read line < go; echo $line >&2"
        await _create_fifo(process_manager, tmp_path)
        await process_manager.launch("web.1", sh(script, tmp_path))
        await read(process_manager, "web.1", expected=b"one\n")

        await run(process_manager, sh("echo two > go", tmp_path))

        chunks = [chunk async for chunk in process_manager.output("web.1")]
        assert ("one\n", "two\n") == (output_text(chunks), output_text(chunks, OutputStream.STDERR))
        assert [chunk.position for chunk in chunks] == sorted(chunk.position for chunk in chunks)

    async def test_output_is_resumed(self, process_manager: ProcessManager, tmp_path: Path) -> None:
        """Reading from an earlier position repeats no byte and loses none."""
        await _create_fifo(process_manager, tmp_path)
        await process_manager.launch("web.1", sh("echo one; read line < go; echo $line", tmp_path))
        last = await read(process_manager, "web.1", expected=b"one\n")

        await run(process_manager, sh("echo two > go", tmp_path))

        chunks = [chunk async for chunk in process_manager.output("web.1", after=last.position)]

        assert "two\n" == output_text(chunks)

    async def test_long_output_is_complete(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Ten megabytes without a newline arrive complete, in chunks of limited size."""
        script = "head -c 10000000 /dev/zero"
        await process_manager.launch("web.1", sh(script, tmp_path, PATH="/usr/bin:/bin"))

        sizes = [len(chunk.data) async for chunk in process_manager.output("web.1")]

        assert 10_000_000 == sum(sizes)
        assert MAX_CHUNK_BYTES >= max(sizes)

    async def test_sigterm_comes_before_sigkill(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A program that exits on SIGTERM is not killed, and its exit code is kept."""
        script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
        await process_manager.launch("web.1", sh(script, tmp_path, PATH="/bin"))
        await read(process_manager, "web.1", expected=b"up")

        await process_manager.stop("web.1", grace_period=GRACE)

        process = await process_manager.inspect("web.1")
        assert process is not None
        assert Exit(code=7) == process.exit
        await read(process_manager, "web.1", expected=b"bye")

    async def test_program_started_by_a_shell_gets_its_grace_period(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A program behind a shell gets its grace period, although the shell exits at once."""
        inner = 'trap "sleep 0.2; echo bye; exit" TERM; echo up; while :; do sleep 0.05; done'
        await process_manager.launch("web.1", sh(f"sh -c '{inner}'; true", tmp_path, PATH="/bin"))
        await read(process_manager, "web.1", expected=b"up")

        await process_manager.stop("web.1", grace_period=GRACE)

        await read(process_manager, "web.1", expected=b"bye")

    async def test_a_program_that_ignores_sigterm_is_killed(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A program that ignores SIGTERM is killed after the grace period."""
        mark = str(uuid4())
        script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        await process_manager.launch("web.1", sh(script, tmp_path, PATH="/bin", MARK=mark))
        await read(process_manager, "web.1", expected=b"up")

        await process_manager.stop("web.1", grace_period=timedelta(seconds=0.2))

        process = await process_manager.inspect("web.1")
        assert process is not None
        assert Exit(signal=9) == process.exit
        assert set() == await live_pids(mark)

    async def test_a_daemon_is_stopped_too(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A process that has left the session and cleared its environment ends with its program."""
        await process_manager.launch(
            "web.1", python(DAEMON + "print('up', flush=True)\ntime.sleep(60)", tmp_path)
        )
        await read(process_manager, "web.1", expected=b"up")

        await process_manager.stop("web.1", grace_period=GRACE)

        assert not await is_daemon_running(tmp_path)

    async def test_many_child_processes_are_stopped(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Fifty child processes, each in its own session, end with their parent."""
        mark = str(uuid4())
        await process_manager.launch("web.1", python(STORM, tmp_path, MARK=mark))
        await read(process_manager, "web.1", expected=b"all there")

        await process_manager.stop("web.1", grace_period=NO_GRACE)

        assert set() == await live_pids(mark)

    async def test_stopping_a_dead_program_has_no_effect(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Stopping a dead or an unknown program has no effect."""
        await process_manager.launch("web.1", sh("exit 3", tmp_path))
        dead = await wait_until_exited(process_manager, "web.1")

        await process_manager.stop("web.1", grace_period=GRACE)
        await process_manager.stop("web.2", grace_period=GRACE)

        assert dead == await process_manager.inspect("web.1")

    async def test_a_forgotten_name_is_unknown(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """After `remove`, a name is unknown, has no output, and can be launched again."""
        await process_manager.launch("web.1", sh("echo one", tmp_path))
        await wait_until_exited(process_manager, "web.1")

        await process_manager.remove("web.1")
        await process_manager.remove("web.1")

        assert await process_manager.inspect("web.1") is None
        assert [] == [chunk async for chunk in process_manager.output("web.1")]
        assert (await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path))).is_alive

    async def test_a_running_program_cannot_be_forgotten(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """Removing a running program raises ConflictError, and the program keeps running."""
        process = await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        with pytest.raises(ConflictError):
            await process_manager.remove("web.1")

        assert process == await process_manager.inspect("web.1")

    async def test_a_listener_is_known_by_name(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The program that listens on a port is found, even if a shell has started it."""
        script = f"{sys.executable} -I -S -c '{LISTENER}'; true"
        await process_manager.launch("web.1", sh(script, tmp_path))
        await process_manager.launch("web.2", sh("exec /bin/sleep 60", tmp_path))
        port = int((await read(process_manager, "web.1", expected=b"\n")).data)

        assert "web.1" == await process_manager.listening_program(port)
        assert [port] == list(await process_manager.listening_ports("web.1"))
        assert [] == list(await process_manager.listening_ports("web.2"))

    async def test_a_listener_that_forks_is_known_by_name(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """The program that listens on a port is found even while it forks workers."""
        await process_manager.launch("web.1", python(FORKING_LISTENER, tmp_path))
        port = int((await read(process_manager, "web.1", expected=b"\n")).data)

        found = [await process_manager.listening_program(port) for _ in range(50)]

        assert {"web.1"} == set(found)

    async def test_a_foreign_listener_has_no_name(self, process_manager: ProcessManager) -> None:
        """The result for a port of an unknown program differs from that for a free port."""
        with create_server(("127.0.0.1", 0)) as server:
            assert "" == await process_manager.listening_program(_port(server))

    async def test_a_free_port_has_no_listener(self, process_manager: ProcessManager) -> None:
        """A port that is bound without listening has no listener."""
        with socket() as bound:
            bound.bind(("127.0.0.1", 0))

            assert await process_manager.listening_program(_port(bound)) is None

    async def test_worker_processes_are_listed(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """
        Workers are child processes that run the program of their parent. A dead worker is not
        listed.
        """
        await process_manager.launch("web.1", python(WORKER, tmp_path))
        worker = int((await read(process_manager, "web.1", expected=b"\n")).data)
        before = await process_manager.worker_processes("web.1")
        again = await process_manager.worker_processes("web.1")

        await to_thread.run_sync(os.kill, worker, SIGKILL)

        with fail_after(10):
            while before <= (after := await process_manager.worker_processes("web.1")):
                await checkpoint()
        assert before == again
        assert {str(worker)} == {one.partition(":")[0] for one in before - after}
        assert frozenset() == await process_manager.worker_processes("web.2")

    async def test_a_server_started_by_a_shell_is_a_worker(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """A server counts as a worker even if its parent is a shell, which is another program."""
        script = f"{sys.executable} -I -S -c '{LISTENER}'; true"
        await process_manager.launch("web.1", sh(script, tmp_path))
        await read(process_manager, "web.1", expected=b"\n")

        assert 1 == len(await process_manager.worker_processes("web.1"))

    async def test_a_sweep_keeps_supervised_processes(
        self, process_manager: ProcessManager, tmp_path: Path
    ) -> None:
        """`kill_orphans` does not kill the processes of launched programs."""
        process = await process_manager.launch("web.1", python(STORM, tmp_path))
        await read(process_manager, "web.1", expected=b"all there")

        swept = await process_manager.kill_orphans()

        assert 0 == swept
        assert process == await process_manager.inspect("web.1")


class ProcessManagerContract(RunContract, LaunchContract):
    """Tests that every adapter of the `ProcessManager` port must pass."""


async def _create_fifo(process_manager: ProcessManager, directory: Path) -> None:
    await run(process_manager, sh("mkfifo go", directory, PATH="/usr/bin:/bin"))


def _port(bound_socket: socket) -> int:
    port: int = bound_socket.getsockname()[1]
    return port
