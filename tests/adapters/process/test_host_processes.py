"""What only programs of this host get into: a dead platform or shim, a reboot, other users."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from anyio import fail_after, sleep, to_thread
from attrs import evolve

from pushpaka_core.adapters.process import processes as adapter
from pushpaka_core.adapters.process.interpreters import standard_interpreters
from pushpaka_core.adapters.process.listeners import holders_of
from pushpaka_core.adapters.process.permissions import is_open_to_others
from pushpaka_core.adapters.process.process_table import lives
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import GONE, Command, Exit, Limits
from pushpaka_core.testing.processes import (
    GRACE,
    NO_GRACE,
    ended,
    living,
    read,
    run,
    sh,
    text_of,
    until_living,
)
from pushpaka_shim.kernel import stat_of
from pushpaka_shim.orders import KEPT, SEGMENT

pytestmark = pytest.mark.anyio

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
UID = 61_234

ANOTHER_PLATFORM = """
import sys, anyio
from pathlib import Path
from pushpaka_core.adapters.process.processes import HostProcesses
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
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """When the platform is killed, what it runs dies, what it launched lives and can be adopted."""
    mark = str(uuid4())
    script = "trap 'exit 5' TERM; echo up; while :; do /bin/sleep 0.05; done"
    with _another_platform(state, tmp_path, script, mark) as platform:
        assert platform.stdout is not None
        platform.stdout.readline()
        await read(processes, "web.1", until=b"up")

        platform.kill()

    await until_living(mark, set())
    process = await processes.inspect("web.1")
    assert process is not None
    assert process.is_alive
    await processes.stop("web.1", grace=GRACE)
    assert Exit(code=5) == (await ended(processes, "web.1")).exit


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_shim_outlives_the_session(
    number: int, processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """The signals that end a session, or a service, do not end a shim."""
    process = await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

    os.kill(_record(state, "web.1")["shim"]["pid"], number)

    assert process == await processes.inspect("web.1")
    await processes.stop("web.1", grace=GRACE)
    assert Exit(signal=signal.SIGTERM) == (await ended(processes, "web.1")).exit


async def test_a_shim_is_no_child_of_the_platform(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Nobody but the system has to collect a dead shim."""
    await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

    assert str(os.getpid()) != stat_of(_record(state, "web.1")["shim"]["pid"])[1]


async def test_without_its_shim_a_program_is_told_alive(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """A shim that was killed leaves a program that lives, is known and can be stopped."""
    mark = str(uuid4())
    script = (
        "trap '' TERM; /usr/bin/setsid /bin/sleep 60 & echo up; while :; do /bin/sleep 0.05; done"
    )
    process = await processes.launch("web.1", sh(script, tmp_path, MARK=mark))
    await read(processes, "web.1", until=b"up")
    await _kill_shim(state, "web.1")

    assert process == await processes.inspect("web.1")
    assert 0 == await processes.sweep()
    await processes.stop("web.1", grace=NO_GRACE)
    assert set() == await living(mark)
    assert Exit(signal=9) == (await ended(processes, "web.1")).exit


async def test_what_a_dead_shim_and_program_leave_is_swept(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """A process that outlived both its shim and its program is an orphan, and is ended."""
    mark = str(uuid4())
    script = "/usr/bin/setsid /bin/sleep 60 & echo up; wait"
    process = await processes.launch("web.1", sh(script, tmp_path, MARK=mark))
    await read(processes, "web.1", until=b"up")
    await _kill_shim(state, "web.1")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await ended(processes, "web.1")

    swept = await processes.sweep()

    assert 1 == swept
    assert set() == await living(mark)


async def test_another_platform_is_not_swept(processes: HostProcesses, tmp_path: Path) -> None:
    """What belongs to another state directory is left alone, whatever its names."""
    mark = str(uuid4())
    other = HostProcesses(tmp_path / "other")
    process = await other.launch("web.1", sh("exec /bin/sleep 60", tmp_path, MARK=mark))

    await processes.sweep()
    await processes.stop("web.1", grace=NO_GRACE)

    await until_living(mark, {process.pid})
    await other.stop("web.1", grace=NO_GRACE)


async def test_after_a_reboot_everything_is_dead(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """The numbers of another boot mean nothing: what they name now is somebody else's."""
    mark = str(uuid4())
    process = await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path, MARK=mark))
    record = _record(state, "web.1")
    _write_record(state, "web.1", record | {"boot": "another"})

    rebooted = await processes.inspect("web.1")
    await processes.stop("web.1", grace=NO_GRACE)

    assert rebooted is not None
    assert (None, Exit(), GONE) == (rebooted.pid, rebooted.exit, Exit().words)
    await until_living(mark, {process.pid})
    _write_record(state, "web.1", record)


async def test_a_process_id_that_is_used_again_is_not_taken_for_ours(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """A process is known by its number and its start."""
    await processes.launch("web.1", sh("exit 3", tmp_path))
    await ended(processes, "web.1")
    (state / "web.1" / "exit.json").unlink()
    bystander = {"pid": os.getpid(), "started": 1}
    record = _record(state, "web.1") | {"shim": bystander, "program": bystander}
    _write_record(state, "web.1", record)

    await processes.stop("web.1", grace=NO_GRACE)

    assert Exit(signal=9) == (await ended(processes, "web.1")).exit


async def test_a_listener_that_closes_while_it_is_looked_for_is_nobody(
    processes: HostProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who leaves its port is not taken for somebody whose processes may not be seen."""
    server = socket.create_server(("127.0.0.1", 0))

    def close_and_look(inodes: set[str]) -> set[int]:
        server.close()
        return holders_of(inodes)

    monkeypatch.setattr(adapter, "holders_of", close_and_look)

    assert await processes.listener(server.getsockname()[1]) is None


async def test_a_record_that_a_power_failure_emptied_is_none(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """An empty record counts as none, so that its name can be launched."""
    await processes.launch("web.1", sh("exit 3", tmp_path))
    await ended(processes, "web.1")
    (state / "web.1" / "record.json").write_text("")

    assert await processes.inspect("web.1") is None
    assert (await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))).pid


async def test_the_newest_output_is_kept(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Of a long output the last 20 MiB stay, and a reader goes on where something is left."""
    script = "/usr/bin/head -c 40000000 /dev/zero; echo end"
    await processes.launch("web.1", sh(script, tmp_path))
    await ended(processes, "web.1")

    chunks = [chunk async for chunk in processes.output("web.1", after="0000000001.0000000000")]

    size = sum(len(chunk.data) for chunk in chunks)
    on_disk = sum(path.stat().st_size for path in (state / "web.1").glob("output.*"))
    assert b"end\n" == chunks[-1].data[-4:]
    assert [True, *[False] * len(chunks[1:])] == [chunk.is_after_loss for chunk in chunks]
    assert KEPT * 0.99 < size
    assert KEPT + 2 * SEGMENT > on_disk


async def test_nobody_else_can_read_what_is_kept(
    processes: HostProcesses, state: Path, tmp_path: Path
) -> None:
    """Directories and files are their owner's alone, and no secret is in a file or argument."""
    secret = str(uuid4())
    command = evolve(
        sh("echo up; exec /bin/sleep 60", tmp_path, SECRET=secret), stdin=secret.encode()
    )
    process = await processes.launch("web.1", command)
    await read(processes, "web.1", until=b"up")

    files = _files(state)
    assert {0o700} == {_mode(state), _mode(state / "web.1")}
    assert {0o600} == {_mode(path) for path in files}
    assert not any(secret.encode() in path.read_bytes() for path in files)
    await until_living(secret, {process.pid})


async def test_a_killed_shim_of_a_run_leaves_nothing(
    processes: HostProcesses, tmp_path: Path
) -> None:
    """When the kernel takes the shim of a command that is run, the command goes too."""
    mark = str(uuid4())
    script = "/usr/bin/setsid /bin/sleep 60 & kill -9 $PPID; wait"

    with pytest.raises(PlatformFaultError, match="the process that watches it was killed"):
        await run(processes, sh(script, tmp_path, MARK=mark))

    assert set() == await living(mark)


async def test_names_stay_inside_the_directory(processes: HostProcesses) -> None:
    """A name cannot lead out of the state directory."""
    with pytest.raises(ValueError, match="no name"):
        await processes.inspect("../web")


@only_root
async def test_a_program_runs_as_its_user(processes: HostProcesses) -> None:
    """As root, a program can be another user without any group or right of ours."""
    script = "id -u; id -G; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; echo x > /dev/stdout"
    command = evolve(sh(script, Path("/"), PATH="/usr/bin:/bin"), uid=UID)

    _, chunks = await run(processes, command)

    rights = "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
    assert f"{UID}\n{UID}\n{rights}x\n" == text_of(chunks)


@only_root
async def test_a_launched_program_runs_as_its_user(processes: HostProcesses) -> None:
    """It can open its standard output again, cannot touch its shim, and is stopped as ever."""
    script = "kill -9 $PPID; echo up > /dev/stdout; /usr/bin/setsid /bin/sleep 60 & wait"
    mark = str(uuid4())
    await processes.launch("web.1", evolve(sh(script, Path("/"), MARK=mark), uid=UID))
    await read(processes, "web.1", until=b"up")

    await processes.stop("web.1", grace=GRACE)

    assert set() == await living(mark)


@only_root
async def test_a_fork_bomb_is_stopped(processes: HostProcesses) -> None:
    """What forks without end, each child in a session of its own, is limited and then gone."""
    mark = str(uuid4())
    bomb = Command(
        argv=(await to_thread.run_sync(_open_interpreter), "-I", "-S", "-c", BOMB),
        directory=Path("/"),
        env={"MARK": mark},
        uid=UID,
        limits=Limits(processes=40),
    )
    await processes.launch("web.1", bomb)
    await read(processes, "web.1", until=b"full")

    with fail_after(5):
        await processes.stop("web.1", grace=NO_GRACE)

    assert set() == await living(mark)


@only_root
async def test_a_user_cannot_enter_a_closed_directory(
    processes: HostProcesses, tmp_path: Path
) -> None:
    """The directory is entered as the user, so that none is shown that the user may not see."""
    assert 0o700 == _mode(tmp_path)

    with pytest.raises(PlatformFaultError, match="Permission denied"):
        await run(processes, evolve(sh("true", tmp_path), uid=UID))


async def test_starting_is_quick(processes: HostProcesses, tmp_path: Path) -> None:
    """A program costs its platform a moment, not a second."""
    await run(processes, Command(argv=("/bin/true",), directory=tmp_path))

    with fail_after(5):
        for _ in range(10):
            await run(processes, Command(argv=("/bin/true",), directory=tmp_path))


@contextmanager
def _another_platform(
    state: Path, directory: Path, script: str, mark: str
) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", ANOTHER_PLATFORM, str(state), str(directory), script, mark]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as platform:
        yield platform


def _open_interpreter() -> str:
    return next(str(path) for path in standard_interpreters() if is_open_to_others(path))


async def _kill_shim(state: Path, name: str) -> None:
    shim = _record(state, name)["shim"]
    os.kill(shim["pid"], signal.SIGKILL)
    with fail_after(10):
        while await to_thread.run_sync(lives, shim):
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
