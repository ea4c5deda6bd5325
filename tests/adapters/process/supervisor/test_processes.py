"""Tests programs after the platform or a shim was killed, after a reboot, and as other users."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from anyio import fail_after, sleep, to_thread
from attrs import evolve

from pushpaka_core.adapters.process.sandbox.permissions import is_accessible_to_others
from pushpaka_core.adapters.process.supervisor import ownership
from pushpaka_core.adapters.process.supervisor.listeners import pids_holding
from pushpaka_core.adapters.process.supervisor.process_table import is_running
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.toolchains.interpreters import default_interpreters
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import EXIT_UNKNOWN, Command, Exit, ResourceLimits
from pushpaka_core.testing.processes import (
    GRACE,
    LISTENER,
    NO_GRACE,
    live_pids,
    output_text,
    python,
    read,
    run,
    sh,
    wait_until_exited,
    wait_until_live,
)
from pushpaka_shim.syscalls import read_stat

pytestmark = pytest.mark.anyio

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
UID = 61_234

ANOTHER_PLATFORM = """
import sys, anyio
from pathlib import Path
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command

async def show(chunk):
    print(chunk.data.decode(), flush=True)

async def main():
    processes, directory = HostProcesses(Path(sys.argv[1])), Path(sys.argv[2])
    argv, env = ("/bin/sh", "-c", sys.argv[3]), {"MARK": sys.argv[4]}
    await processes.launch("web.1", Command(argv=argv, directory=directory))
    await processes.run(Command(argv=argv, directory=directory, env=env), on_output=show)

anyio.run(main)
"""


BOMB = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        os.write(1, b"full")
"""


async def test_a_launched_program_outlives_the_platform(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Commands end with a killed platform. Launched programs continue and can be adopted."""
    mark = str(uuid4())
    script = "trap 'exit 5' TERM; echo up; while :; do /bin/sleep 0.05; done"
    with _another_platform(state, tmp_path, script, mark) as platform:
        assert platform.stdout is not None
        platform.stdout.readline()
        await read(process_manager, "web.1", expected=b"up")

        platform.kill()

    await wait_until_live(mark, set())
    process = await process_manager.inspect("web.1")
    assert process is not None
    assert process.is_alive
    await process_manager.stop("web.1", grace_period=GRACE)
    assert Exit(code=5) == (await wait_until_exited(process_manager, "web.1")).exit


async def test_shim_outlives_the_session_of_the_platform(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Signals that end a session or a service do not reach a shim, which has its own session."""
    process = await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path))
    shim = _record(state, "web.1")["shim"]["pid"]
    assert str(os.getpid()) != read_stat(shim)[1]

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(shim, number)

    assert process == await process_manager.inspect("web.1")
    await process_manager.stop("web.1", grace_period=GRACE)
    assert Exit(signal=signal.SIGTERM) == (await wait_until_exited(process_manager, "web.1")).exit


async def test_program_without_its_shim_is_found_and_can_be_stopped(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Stopping the program also ends its detached processes."""
    mark = str(uuid4())
    script = (
        "trap '' TERM; /usr/bin/setsid /bin/sleep 60 & echo up; while :; do /bin/sleep 0.05; done"
    )
    process = await process_manager.launch("web.1", sh(script, tmp_path, MARK=mark))
    await read(process_manager, "web.1", expected=b"up")
    await _kill_shim(state, "web.1")

    assert process == await process_manager.inspect("web.1")
    assert 0 == await process_manager.kill_orphans()
    await process_manager.stop("web.1", grace_period=NO_GRACE)
    assert set() == await live_pids(mark)
    assert Exit(signal=9) == (await wait_until_exited(process_manager, "web.1")).exit


async def test_orphans_of_a_killed_shim_are_killed(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Detached processes are killed if both the shim and the program were killed."""
    mark = str(uuid4())
    script = "/usr/bin/setsid /bin/sleep 60 & echo up; wait"
    process = await process_manager.launch("web.1", sh(script, tmp_path, MARK=mark))
    await read(process_manager, "web.1", expected=b"up")
    await _kill_shim(state, "web.1")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await wait_until_exited(process_manager, "web.1")

    swept = await process_manager.kill_orphans()

    assert 1 == swept
    assert set() == await live_pids(mark)


async def test_programs_of_another_platform_are_not_killed(
    process_manager: HostProcesses, tmp_path: Path
) -> None:
    """Programs of another state directory are left alone, even if they have the same names."""
    mark = str(uuid4())
    other = HostProcesses(tmp_path / "other")
    command = evolve(
        sh("exec /bin/sleep 60", tmp_path, MARK=mark), limits=ResourceLimits(processes=50)
    )
    process = await other.launch("web.1", command)

    assert 0 == await process_manager.kill_orphans()
    await process_manager.stop("web.1", grace_period=NO_GRACE)

    await wait_until_live(mark, {process.pid})
    await other.stop("web.1", grace_period=NO_GRACE)


async def test_programs_count_as_ended_after_a_reboot(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """After a reboot, the recorded process ids belong to other processes."""
    mark = str(uuid4())
    process = await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path, MARK=mark))
    record = _record(state, "web.1")
    _write_record(state, "web.1", record | {"boot": "another"})

    rebooted = await process_manager.inspect("web.1")
    await process_manager.stop("web.1", grace_period=NO_GRACE)

    assert rebooted is not None
    assert (None, Exit(), EXIT_UNKNOWN) == (rebooted.pid, rebooted.exit, Exit().description)
    await wait_until_live(mark, {process.pid})
    _write_record(state, "web.1", record)


async def test_reused_process_id_is_not_mistaken_for_a_program(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """A process is identified by its id and its start time."""
    await process_manager.launch("web.1", sh("exit 3", tmp_path))
    await wait_until_exited(process_manager, "web.1")
    (state / "web.1" / "exit.json").unlink()
    bystander = {"pid": os.getpid(), "started": 1}
    record = _record(state, "web.1") | {"shim": bystander, "program": bystander}
    _write_record(state, "web.1", record)

    await process_manager.stop("web.1", grace_period=NO_GRACE)

    assert Exit(signal=9) == (await wait_until_exited(process_manager, "web.1")).exit


async def test_search_for_a_launched_listener_reads_no_foreign_processes(
    process_manager: HostProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open files of other processes are only read if no launched program holds the socket."""
    await process_manager.launch("web.1", python(LISTENER, tmp_path))
    port = int((await read(process_manager, "web.1", expected=b"\n")).data)
    searched = set[int]()

    def record(inodes: set[str], pids: Iterable[int]) -> set[int]:
        searched.update(pids)
        return pids_holding(inodes, searched)

    monkeypatch.setattr(ownership, "pids_holding", record)

    assert "web.1" == await process_manager.listening_program(port)
    assert os.getpid() not in searched


async def test_listener_that_closes_during_the_search_is_ignored(
    process_manager: HostProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed listener is not mistaken for a listener whose processes are invisible."""
    server = socket.create_server(("127.0.0.1", 0))

    def close_and_list(inodes: set[str], pids: Iterable[int]) -> set[int]:
        server.close()
        return pids_holding(inodes, pids)

    monkeypatch.setattr(ownership, "pids_holding", close_and_list)

    assert await process_manager.listening_program(server.getsockname()[1]) is None


async def test_stored_files_are_private(
    process_manager: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Directories and files are private, and no file or argument contains a secret."""
    secret = str(uuid4())
    command = evolve(
        sh("echo up; exec /bin/sleep 60", tmp_path, SECRET=secret), stdin=secret.encode()
    )
    process = await process_manager.launch("web.1", command)
    await read(process_manager, "web.1", expected=b"up")

    files = _files(state)
    assert {0o700} == {_mode(state), _mode(state / "web.1")}
    assert {0o600} == {_mode(path) for path in files}
    assert not any(secret.encode() in path.read_bytes() for path in files)
    await wait_until_live(secret, {process.pid})


async def test_killed_shim_of_a_command_leaves_no_processes(
    process_manager: HostProcesses, tmp_path: Path
) -> None:
    """The command and its processes end with their shim."""
    mark = str(uuid4())
    script = "/usr/bin/setsid /bin/sleep 60 & kill -9 $PPID; wait"

    with pytest.raises(PlatformFaultError, match="its shim process was killed"):
        await run(process_manager, sh(script, tmp_path, MARK=mark))

    assert set() == await live_pids(mark)


async def test_names_with_a_path_are_rejected(process_manager: HostProcesses) -> None:
    with pytest.raises(ValueError, match="not a valid process name"):
        await process_manager.inspect("../web")


@only_root
async def test_a_program_runs_as_its_user(process_manager: HostProcesses) -> None:
    """The program has no group or capability of the platform."""
    script = "id -u; id -G; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; echo x > /dev/stdout"
    command = evolve(sh(script, Path("/"), PATH="/usr/bin:/bin"), uid=UID)

    _, chunks = await run(process_manager, command)

    rights = "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
    assert f"{UID}\n{UID}\n{rights}x\n" == output_text(chunks)


@only_root
async def test_a_launched_program_runs_as_its_user(process_manager: HostProcesses) -> None:
    """The program can reopen its standard output, cannot signal its shim, and can be stopped."""
    script = "kill -9 $PPID; echo up > /dev/stdout; /usr/bin/setsid /bin/sleep 60 & wait"
    mark = str(uuid4())
    await process_manager.launch("web.1", evolve(sh(script, Path("/"), MARK=mark), uid=UID))
    await read(process_manager, "web.1", expected=b"up")

    await process_manager.stop("web.1", grace_period=GRACE)

    assert set() == await live_pids(mark)


@only_root
async def test_a_fork_bomb_is_stopped(process_manager: HostProcesses) -> None:
    """The number of processes is limited, and all of them end although each has its own session."""
    mark = str(uuid4())
    bomb = Command(
        argv=(await to_thread.run_sync(_open_interpreter), "-I", "-S", "-c", BOMB),
        directory=Path("/"),
        env={"MARK": mark},
        uid=UID,
        limits=ResourceLimits(processes=40),
    )
    await process_manager.launch("web.1", bomb)
    await read(process_manager, "web.1", expected=b"full")

    with fail_after(60):
        await process_manager.stop("web.1", grace_period=NO_GRACE)

    assert set() == await live_pids(mark)


@only_root
async def test_working_directory_must_be_accessible_to_the_user(
    process_manager: HostProcesses, tmp_path: Path
) -> None:
    """The shim enters the working directory as the user of the program."""
    assert 0o700 == _mode(tmp_path)

    with pytest.raises(PlatformFaultError, match="Permission denied"):
        await run(process_manager, evolve(sh("true", tmp_path), uid=UID))


@contextmanager
def _another_platform(
    state: Path, directory: Path, script: str, mark: str
) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", ANOTHER_PLATFORM, str(state), str(directory), script, mark]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as platform:
        yield platform


def _open_interpreter() -> str:
    return next(str(path) for path in default_interpreters() if is_accessible_to_others(path))


async def _kill_shim(state: Path, name: str) -> None:
    shim = _record(state, name)["shim"]
    os.kill(shim["pid"], signal.SIGKILL)
    with fail_after(60):
        while await to_thread.run_sync(is_running, shim):
            await sleep(0.01)


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _record(state: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((state / name / "record.json").read_text())
    return record


def _write_record(state: Path, name: str, record: dict[str, Any]) -> None:
    (state / name / "record.json").write_text(json.dumps(record))
