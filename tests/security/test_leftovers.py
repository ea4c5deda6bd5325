"""If the platform runs as root, programs leave nothing outside their project's directories."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import rmtree
from subprocess import Popen
from tempfile import mkdtemp

import pytest
from anyio import to_thread

from pushpaka_core.adapters.process.sandbox.cgroups import STACK_BYTES, Cgroups
from pushpaka_core.adapters.process.sandbox.permissions import make_private
from pushpaka_core.adapters.process.supervisor.leftovers import remove_leftovers
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import Command, OutputChunk, ResourceLimits
from pushpaka_core.testing.processes import NO_GRACE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="without root there is one user"),
]

UID = 62_000 + os.getpid() % 2_000
"""A user id that no other test uses at the same time."""
MARK = f"pushpaka-leftover-{UID}"

LEAVE = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.shmget(0x{UID:x}, 4096, 0o1666) != -1
assert libc.semget(0x{UID:x}, 1, 0o1666) != -1
assert libc.msgget(0x{UID:x}, 0o1666) != -1
for place in ("/tmp", "/var/tmp", "/dev/shm"):
    name = place + "/{MARK}" + place.replace("/", "-")
    os.makedirs(name + "/inner")
    open(name + "/inner/file", "w").close()
    open(name + ".file", "w").close()
print("left")
"""
"""A Python program that creates objects of each kind that outlives its process."""


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """Yield a data directory that is not below /tmp."""
    directory = Path(mkdtemp(prefix="pushpaka-", dir="/srv"))
    directory.chmod(0o711)
    yield directory
    rmtree(directory)


@pytest.fixture
async def process_manager(data_directory: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(data_directory / "processes")
    yield host
    for process in await host.list_launched():
        await host.stop(process.name, grace_period=NO_GRACE)
    await host.kill_orphans()
    await to_thread.run_sync(remove_leftovers, UID)


def leftovers() -> dict[str, list[str]]:
    """Return the objects that programs of the user UID have left, by kind."""
    found = {
        kind: [line for line in _rows(f"/proc/sysvipc/{kind}") if str(UID) in line.split()]
        for kind in ("shm", "sem", "msg")
    }
    for place in ("/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - they are looked at
        found[place] = [path.name for path in Path(place).glob(f"{MARK}*")]
    return {kind: names for kind, names in found.items() if names}


def _rows(table: str) -> list[str]:
    return Path(table).read_text(encoding="ascii").splitlines()


def leaving_command(data_directory: Path, private_tmp: Path | None) -> Command:
    return Command(
        argv=("/usr/bin/python3", "-I", "-S", "-c", LEAVE),
        directory=data_directory,
        uid=UID,
        private_tmp=private_tmp,
    )


async def run(process_manager: HostProcesses, command: Command) -> str:
    output = bytearray()

    async def append_output(chunk: OutputChunk) -> None:
        output.extend(chunk.data)

    await process_manager.run(command, on_output=append_output)
    return output.decode()


async def test_temporary_files_and_ipc_end_with_their_program(
    process_manager: HostProcesses, data_directory: Path
) -> None:
    private_tmp = await to_thread.run_sync(make_private, data_directory / "tmp", UID)

    assert "left\n" == await run(process_manager, leaving_command(data_directory, private_tmp))

    assert {} == await to_thread.run_sync(leftovers)
    names = {f"{MARK}-tmp", f"{MARK}-var-tmp"}
    kept = set(await to_thread.run_sync(os.listdir, private_tmp))
    assert names | {f"{name}.file" for name in names} == kept


async def test_programs_of_one_user_share_no_files_or_ipc(
    process_manager: HostProcesses, data_directory: Path
) -> None:
    """Each program starts without the files of the previous one, even in a crash loop."""
    for name in ("first", "second"):
        private_tmp = await to_thread.run_sync(make_private, data_directory / name, UID)
        assert "left\n" == await run(process_manager, leaving_command(data_directory, private_tmp))


async def test_shared_memory_has_the_limit_of_the_program(data_directory: Path) -> None:
    """Without this limit and without control groups, it could use half of the host's memory."""
    processes = HostProcesses(data_directory / "processes", cgroups=Cgroups)
    look = Command(
        argv=("/bin/df", "--block-size=1", "--output=size", "/dev/shm"),  # noqa: S108 - it is its own
        directory=data_directory,
        uid=UID,
        limits=ResourceLimits(memory_bytes=64 * 2**20),
    )

    output = await run(processes, look)

    assert [str(64 * 2**20 + STACK_BYTES)] == output.split()[1:]


async def test_a_link_instead_of_a_temporary_directory_is_not_mounted(
    process_manager: HostProcesses, data_directory: Path
) -> None:
    secret = data_directory / "closed" / "inner" / "secret"
    await to_thread.run_sync(_write_below_closed_directory, secret)
    link = data_directory / "tmp"
    await to_thread.run_sync(link.symlink_to, secret.parent)
    look = Command(
        argv=("/bin/sh", "-c", "cat /tmp/secret /var/tmp/secret; echo looked"),
        directory=data_directory,
        uid=UID,
        private_tmp=link,
    )

    output = await run(process_manager, look)

    assert output.endswith("looked\n")
    assert "hidden" not in output


def test_leftovers_on_the_host_are_removed_by_owner() -> None:
    _leave_on_the_host()
    assert {"shm", "sem", "msg", "/tmp", "/var/tmp", "/dev/shm"} == set(leftovers())  # noqa: S108

    remove_leftovers(UID)

    assert {} == leftovers()


def test_leftovers_are_kept_while_a_program_of_the_user_runs() -> None:
    _leave_on_the_host()
    with Popen(["/bin/sleep", "60"], user=UID) as sleeper:
        remove_leftovers(UID)

        kept = leftovers()
        sleeper.kill()

    remove_leftovers(UID)
    assert "shm" in kept
    assert {} == leftovers()


def _write_below_closed_directory(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("hidden")
    file.parents[1].chmod(0o700)


def _leave_on_the_host() -> None:
    if (child := os.fork()) == 0:
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)
        os.execv(  # noqa: S606 - no shell is the point
            "/usr/bin/python3",
            ["python3", "-I", "-S", "-c", LEAVE],
        )
    os.waitpid(child, 0)
