"""What a program takes is counted together with all that it starts, where the kernel does that."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import fail_after, open_process, sleep, to_thread
from attrs import evolve

from pushpaka_core.adapters.process.cgroups import (
    Cgroups,
    Home,
    find_cgroups,
    members,
    own_cgroups,
)
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.records import Records
from pushpaka_core.ports.processes import Command, Descriptor, Exit, Limits
from pushpaka_core.testing.processes import (
    DAEMON,
    GRACE,
    NO_GRACE,
    ended,
    living,
    python,
    read,
    run,
    sh,
    text_of,
)

pytestmark = pytest.mark.anyio

MEBIBYTE = 2**20
MOST = 64 * MEBIBYTE
BOUND = Limits(memory_bytes=MOST, cpus=0.5, processes=50)

needs_groups = pytest.mark.skipif(
    len(own_cgroups().controllers) < 3, reason="this host admits no control groups"
)

THREE_THAT_SHARE = """
import os, sys, time
parts = []
for _ in range(2):
    if not (child := os.fork()):
        part = bytearray(30 * 2**20)
        os.write(1, b"mine")
        time.sleep(60)
    parts.append(child)
part = bytearray(30 * 2**20)
pid, status = os.wait()
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""
"""Each of the three takes less than the limit, all together they take more."""

TWO_THAT_SPIN = """
import os, time
end = time.monotonic() + 1.5
child = os.fork()
while time.monotonic() < end:
    pass
if not child:
    os._exit(0)
os.wait()
print(sum(os.times()[:4]) / 1.5)
"""

FORKS = """
import os, time
made = 0
try:
    while made < 200:
        if not os.fork():
            time.sleep(60)
        made += 1
except OSError:
    print(made, flush=True)
"""

HIDER = """
import os, sys, time
sleeper = "import time; print('up', flush=True); time.sleep(60)"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        argv = [sys.executable, "-I", "-S", "-c", sleeper, os.environ["MARK"]]
        os.execve(sys.executable, argv, {})
    os._exit(0)
os.wait()
time.sleep(60)
"""
"""Leaves a process behind that no parent, session or env var tells to be ours."""

ANOTHER_PLATFORM = """
import sys, anyio
from pathlib import Path
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.ports.processes import Command, Limits

async def show(chunk):
    print(chunk.data.decode(), flush=True)

async def main():
    processes, bound = HostProcesses(Path(sys.argv[1])), Limits(processes=50)
    argv, env = ("/bin/sh", "-c", "echo up; exec /bin/sleep 60"), {"MARK": sys.argv[2]}
    command = Command(argv=argv, directory=Path("/"), env=env, limits=bound)
    await processes.run(command, on_output=show)

anyio.run(main)
"""


def limited(command: Command, limits: Limits = BOUND) -> Command:
    return evolve(command, limits=limits)


async def groups_of(state: Path) -> Mapping[Path, str]:
    """Return the groups that are there for programs of the platform with that state."""
    return await to_thread.run_sync(lambda: own_cgroups().made(Records(state).instance()))


@needs_groups
class TestLimits:
    """What one program may take, and what is said of one that takes more."""

    async def test_a_program_that_takes_too_much_memory_is_killed(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """It is killed, and how it ended names the limit."""
        ending, _ = await run(processes, limited(python("bytearray(2**30)", tmp_path)))

        assert Exit(signal=9, memory_limit=MOST) == ending
        assert "was killed: it used more memory than its limit of 64 MiB" == ending.words

    async def test_a_shell_says_why_what_it_waited_for_was_killed(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """A program behind a shell is told like one without."""
        script = f"{sys.executable} -I -S -c 'bytearray(2**30)'; exit $?"

        ending, _ = await run(processes, limited(sh(script, tmp_path)))

        assert "was killed: it used more memory than its limit of 64 MiB" == ending.words

    async def test_memory_is_that_of_the_whole_tree(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """Three processes that stay below the limit are above it together, and one says why."""
        command = limited(python(THREE_THAT_SHARE, tmp_path))

        await processes.launch("web.1", command)

        process = await ended(processes, "web.1")
        assert process.exit is not None
        assert MOST == process.exit.memory_limit
        assert "used more memory than its limit of 64 MiB" in process.exit.words

    async def test_what_ends_well_is_not_blamed(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """Neither an exit code of its own nor a signal of somebody else has to do with memory."""
        endings = [
            (await run(processes, limited(sh(script, tmp_path))))[0]
            for script in ("exit 3", "kill -9 $$")
        ]

        assert [Exit(code=3), Exit(signal=9)] == endings

    async def test_processors_are_shared_out(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """Two processes that never pause get no more of the processors than their program may."""
        command = limited(python(TWO_THAT_SPIN, tmp_path), Limits(cpus=0.2))

        _, chunks = await run(processes, command)

        assert float(text_of(chunks)) < 0.4

    async def test_processes_are_counted_of_the_platforms_own_user_too(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """A program that forks without end makes as many as it may, whoever it runs as."""
        command = limited(python(FORKS, tmp_path), Limits(processes=20))

        _, chunks = await run(processes, command)

        assert "19\n" == text_of(chunks)


@needs_groups
class TestGroups:
    """Groups are there for as long as their programs are."""

    async def test_a_launched_program_is_in_groups_of_its_own(
        self, processes: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """One a controller, made before its first instruction and gone when it was stopped."""
        script = "cat /proc/self/cgroup; exec sleep 60"
        command = limited(sh(script, tmp_path, PATH="/usr/bin:/bin"))
        process = await processes.launch("web.1", command)
        await read(processes, "web.1", until=b"web.1")

        during = await groups_of(state)
        inside = await to_thread.run_sync(members, during)
        await processes.stop("web.1", grace=GRACE)

        assert ({"web.1"}, {process.pid}) == (set(during.values()), inside)
        assert {} == await groups_of(state)

    async def test_a_command_that_was_run_leaves_none(
        self, processes: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """However it ends, and if it cannot be started at all."""
        await run(processes, limited(python(DAEMON, tmp_path)))
        with pytest.raises(Exception, match="No such file"):
            await run(processes, limited(Command(argv=("/no/such",), directory=tmp_path)))
        with pytest.raises(Exception, match="No such file"):
            await processes.launch(
                "web.1", limited(Command(argv=("/no/such",), directory=tmp_path))
            )

        assert {} == await groups_of(state)

    async def test_without_limits_there_is_none(
        self, processes: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """What may take what the host has is left where the platform is."""
        await processes.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        assert {} == await groups_of(state)

    async def test_a_killed_platform_leaves_none(self, state: Path) -> None:
        """What a killed platform was running is ended, and its groups go with it."""
        mark = str(uuid4())
        argv = [sys.executable, "-c", ANOTHER_PLATFORM, str(state), mark]
        async with await open_process(argv, stderr=None) as platform:
            assert platform.stdout is not None
            await platform.stdout.receive()
            during = await groups_of(state)

            platform.kill()
            await platform.wait()

        assert 1 == len(during)
        with fail_after(10):
            while await groups_of(state):
                await sleep(0.01)
        assert set() == await living(mark)

    async def test_what_hides_from_everybody_is_found_in_its_group(
        self, processes: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """A daemon without parents, session and mark is swept when its shim and program died."""
        mark = str(uuid4())
        process = await processes.launch("web.1", limited(python(HIDER, tmp_path, MARK=mark)))
        await read(processes, "web.1", until=b"up")
        for pid in (await _shim_of(state, "web.1"), process.pid or 0):
            os.kill(pid, signal.SIGKILL)
        await ended(processes, "web.1")

        hidden = await living(mark)
        swept = await processes.sweep()

        assert (1, 1) == (len(hidden), swept)
        assert set() == await living(mark)
        assert {} == await groups_of(state)

    async def test_a_group_whose_program_lives_without_a_shim_is_kept(
        self, processes: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """It is removed when the program is stopped, and what hides in it is ended."""
        mark = str(uuid4())
        process = await processes.launch("web.1", limited(python(HIDER, tmp_path, MARK=mark)))
        await read(processes, "web.1", until=b"up")
        os.kill(await _shim_of(state, "web.1"), signal.SIGKILL)

        swept = await processes.sweep()
        kept = await groups_of(state)
        alive = await processes.inspect("web.1")
        await processes.stop("web.1", grace=NO_GRACE)

        assert (0, {"web.1"}, process) == (swept, set(kept.values()), alive)
        assert {} == await groups_of(state)
        assert set() == await living(mark)

    async def test_another_platform_is_not_swept(
        self, processes: HostProcesses, tmp_path: Path
    ) -> None:
        """Groups of another state directory are left alone."""
        other = HostProcesses(tmp_path / "other")
        await other.launch("web.1", limited(sh("exec /bin/sleep 60", tmp_path)))

        swept = await processes.sweep()

        assert 0 == swept
        assert set() != await to_thread.run_sync(members, await groups_of(tmp_path / "other"))
        await other.stop("web.1", grace=GRACE)


class TestWithoutGroups:
    """Where the kernel lets the platform make none, limits hold for single processes."""

    async def test_memory_is_refused(self, state: Path, tmp_path: Path) -> None:
        """A process that wants more than the limit, and stacks for threads, is told so."""
        processes = HostProcesses(state, cgroups=Cgroups)

        ending, chunks = await run(processes, limited(python("bytearray(2**30)", tmp_path)))

        assert Exit(code=1) == ending
        assert "MemoryError" in text_of(chunks, Descriptor.STDERR)
        assert {} == await groups_of(state)

    async def test_programs_are_started_and_stopped(self, state: Path, tmp_path: Path) -> None:
        """Everything else is as it is with groups."""
        processes = HostProcesses(state, cgroups=Cgroups)
        process = await processes.launch("web.1", limited(sh("exec /bin/sleep 60", tmp_path)))

        swept = await processes.sweep()
        await processes.stop("web.1", grace=GRACE)

        assert (True, 0) == (process.is_alive, swept)
        assert Exit(signal=signal.SIGTERM) == (await ended(processes, "web.1")).exit


UNIFIED = "0::{path}\n"
UNIFIED_MOUNT = "30 20 0:26 / {root} rw - cgroup2 cgroup2 rw,nsdelegate\n"


class TestHosts:
    """Where groups may be is read from what the kernel says of this process."""

    def test_the_second_version_has_its_own_files(self, tmp_path: Path) -> None:
        """One group holds all controllers, and swap is no way out."""
        _unified(tmp_path / "service", "cpu memory pids")

        cgroups = find_cgroups(UNIFIED.format(path="/service"), UNIFIED_MOUNT.format(root=tmp_path))

        assert {"cpu", "memory", "pids"} == cgroups.controllers
        assert {
            f"{tmp_path}/service/pushpaka.1-2.web": {
                "cpu.max": "50000 100000",
                "memory.max": str(MOST),
                "memory.swap.max": "0",
                "pids.max": "50",
            }
        } == cgroups.around("1-2", "web", BOUND)

    def test_a_delegated_group_may_be_the_one_above(self, tmp_path: Path) -> None:
        """A service manager puts the platform into a group below the one that it hands over."""
        _unified(tmp_path / "service", "memory pids")
        _unified(tmp_path / "service" / "main", "")
        paths, mounts = UNIFIED.format(path="/service/main"), UNIFIED_MOUNT.format(root=tmp_path)
        before = find_cgroups(paths, mounts)

        os.setxattr(tmp_path / "service", "user.delegate", b"1")

        assert Cgroups() == before
        assert {"memory", "pids"} == find_cgroups(paths, mounts).controllers

    def test_hierarchies_of_the_first_version_are_joined_each(self, tmp_path: Path) -> None:
        """Controllers may share one, in a container the mount may begin below the root."""
        for name in ("cpu,cpuacct/own", "memory/own"):
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "cgroup.procs").touch()
        paths = "5:cpu,cpuacct:/box/own\n4:memory:/box/own\n3:pids:/\n1:name=systemd:/\n0::/\n"
        mount = "3{number} 20 0:2{number} {root} {at} rw shared:9 - cgroup cgroup rw,{names}\n"

        cgroups = find_cgroups(
            paths,
            mount.format(number=1, root="/box", at=f"{tmp_path}/cpu,cpuacct", names="cpu,cpuacct")
            + mount.format(number=2, root="/box", at=f"{tmp_path}/memory", names="memory")
            + mount.format(number=3, root="/", at=f"{tmp_path}/none", names="pids"),
        )

        assert {
            f"{tmp_path}/cpu,cpuacct/own/pushpaka.1-2.web": {
                "cpu.cfs_period_us": "100000",
                "cpu.cfs_quota_us": "50000",
            },
            f"{tmp_path}/memory/own/pushpaka.1-2.web": {
                "memory.limit_in_bytes": str(MOST),
                "memory.memsw.limit_in_bytes": str(MOST),
            },
        } == cgroups.around("1-2", "web", BOUND)

    @pytest.mark.parametrize(
        ("paths", "mounts"),
        [("", ""), ("0::/\n", ""), ("", UNIFIED_MOUNT), ("0::/../away\n", UNIFIED_MOUNT)],
        ids=["nothing", "no-mounts", "no-membership", "elsewhere"],
    )
    def test_a_host_without_groups_has_no_home(
        self, tmp_path: Path, paths: str, mounts: str
    ) -> None:
        """What is not mounted, not ours or not to be seen is not used."""
        assert Cgroups() == find_cgroups(paths, mounts.format(root=tmp_path / "mount"))

    def test_nothing_is_limited_that_has_no_limit(self, tmp_path: Path) -> None:
        """A home for a controller that nothing is asked of makes no group."""
        home = Home(directory=tmp_path, controllers=frozenset({"cpu"}), is_unified=True)

        assert {} == Cgroups((home,)).around("1-2", "web", Limits(memory_bytes=MOST))


def _unified(directory: Path, controllers: str) -> None:
    directory.mkdir()
    (directory / "cgroup.procs").touch()
    (directory / "cgroup.controllers").write_text(f"io {controllers}")
    (directory / "cgroup.subtree_control").write_text(controllers)


async def _shim_of(state: Path, name: str) -> int:
    record = await to_thread.run_sync(Records(state).record, name)
    assert record is not None
    return record["shim"]["pid"]
