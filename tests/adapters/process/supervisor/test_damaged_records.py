"""Tests that programs are found although their records are damaged or removed."""

import os
import shutil
from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import fail_after, sleep, to_thread
from tests.machine.file_damage import (
    Damage,
    empty,
    fill_with_nuls,
    halve,
    remove,
    remove_permissions,
    replace_directory_with_file,
    replace_with_directory,
)
from tests.machine.file_descriptors import no_descriptor_left

from pushpaka_core.adapters.process.supervisor.process_table import is_running
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.host.state_files import damaged_files
from pushpaka_core.ports.processes import LaunchedProcess
from pushpaka_core.testing.processes import (
    GRACE,
    NO_GRACE,
    python,
    read,
    sh,
    wait_until_exited,
)
from pushpaka_shim.protocol import EXIT_FILE, LOCK_FILE, OUTPUT_PREFIX, RECORD_FILE
from pushpaka_shim.syscalls import all_pids

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

_LISTENER = """
import signal, socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
signal.pause()
"""
FIRST_OUTPUT = f"{OUTPUT_PREFIX}0000000001"


def replace_content(file: Path) -> None:
    """Replace the content of *file* with JSON that is not a record."""
    file.write_text('["pid"]')


DAMAGES = [
    empty,
    fill_with_nuls,
    halve,
    replace_content,
    replace_with_directory,
    remove,
    remove_permissions,
    replace_directory_with_file,
]


async def launch(processes: HostProcesses, name: str, data: Path) -> LaunchedProcess:
    return await processes.launch(name, sh("echo began; exec sleep 60", data))


async def pids_by_name(processes: HostProcesses) -> dict[str, int | None]:
    return {process.name: process.pid for process in await processes.list_launched()}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_running_program_is_found_and_stopped_despite_damage(
    process_manager: HostProcesses, state: Path, data: Path, damage: Damage
) -> None:
    """A damaged file affects neither the running program nor another program."""
    files = {"one": RECORD_FILE, "two": LOCK_FILE, "three": FIRST_OUTPUT}
    living = {name: (await launch(process_manager, name, data)).pid for name in (*files, "sound")}

    for name, file in files.items():
        damage(state / name / file)

    assert living == await pids_by_name(process_manager)
    assert await process_manager.listening_program(1) is None
    for name in files:
        assert living[name] == (await launch(process_manager, name, data)).pid
        async for _ in process_manager.output(name, follow=False):
            """The rest of the output can be read."""
        await process_manager.stop(name, grace_period=GRACE)
        await process_manager.remove(name)
    assert {"sound": living["sound"]} == await pids_by_name(process_manager)
    assert not {living[name] for name in files} & set(all_pids())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("search", ["listening_program", "listening_ports", "worker_processes"])
async def test_listener_is_found_despite_damage(
    process_manager: HostProcesses, state: Path, data: Path, search: str, damage: Damage
) -> None:
    """The first search finds it, so that its port does not seem to be taken by another program."""
    await process_manager.launch("web.1", python(_LISTENER, data))
    port = int((await read(process_manager, "web.1", expected=b"\n")).data)
    argument = port if search == "listening_program" else "web.1"
    find = getattr(process_manager, search)
    found = await find(argument)

    damage(state / "web.1" / RECORD_FILE)

    assert found
    assert found == await find(argument)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_ended_program_is_dead_or_unknown_despite_damage(
    process_manager: HostProcesses, state: Path, data: Path, damage: Damage
) -> None:
    """The program can be stopped and removed, and another program is found as before."""
    files = {"one": RECORD_FILE, "two": EXIT_FILE, "three": LOCK_FILE, "four": FIRST_OUTPUT}
    for name in files:
        await process_manager.launch(name, sh("exit 3", data))
        await wait_until_exited(process_manager, name)
    sound = await launch(process_manager, "sound", data)

    for name, file in files.items():
        damage(state / name / file)

    for name in files:
        seen = await process_manager.inspect(name)
        assert seen is None or not seen.is_alive
        await process_manager.stop(name, grace_period=NO_GRACE)
        await process_manager.remove(name)
    assert {"sound": sound.pid} == await pids_by_name(process_manager)


async def test_file_in_place_of_the_directory_is_moved_aside(
    process_manager: HostProcesses, state: Path, data: Path
) -> None:
    await to_thread.run_sync(state.touch)

    assert (await launch(process_manager, "one", data)).is_alive


async def test_damaged_record_is_kept_for_inspection_and_logged(
    process_manager: HostProcesses, state: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await launch(process_manager, "one", data)
    halve(state / "one" / RECORD_FILE)
    half = (state / "one" / RECORD_FILE).read_bytes()

    await process_manager.list_launched()

    (kept,) = await to_thread.run_sync(damaged_files, data)
    assert half == await to_thread.run_sync(kept.read_bytes)
    assert f"The file {state / 'one' / RECORD_FILE} is damaged" in caplog.text


async def test_record_survives_a_lack_of_file_descriptors(
    process_manager: HostProcesses, state: Path, data: Path
) -> None:
    one = await launch(process_manager, "one", data)
    records = ProcessRecords(state)

    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files"):
        records.record("one")

    assert [] == await to_thread.run_sync(damaged_files, data)
    assert {"one": one.pid} == await pids_by_name(process_manager)


async def test_programs_are_found_without_the_directory(
    process_manager: HostProcesses, state: Path, data: Path
) -> None:
    """Programs are found by a variable in their environment."""
    one = await launch(process_manager, "one", data)
    await to_thread.run_sync(shutil.rmtree, state)

    another = HostProcesses(state)

    assert {"one": one.pid} == await pids_by_name(another)
    assert 0 == await another.kill_orphans()
    await another.stop("one", grace_period=GRACE)
    assert [False] == [process.is_alive for process in await another.list_launched()]


async def test_program_without_record_and_shim_is_killed(
    process_manager: HostProcesses, state: Path, data: Path
) -> None:
    await launch(process_manager, "one", data)
    record = await to_thread.run_sync(ProcessRecords(state).record, "one")
    assert record is not None
    os.kill(record["shim"]["pid"], SIGKILL)
    with fail_after(60):
        while await to_thread.run_sync(is_running, record["shim"]):
            await sleep(0.01)

    fill_with_nuls(state / "one" / RECORD_FILE)
    assert await process_manager.inspect("one") is None
    await process_manager.kill_orphans()

    assert not await to_thread.run_sync(is_running, record["program"])
