"""Tests that control groups limit a program together with all its processes."""

import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import fail_after, open_process, sleep, to_thread
from attrs import evolve
from tests.adapters.process.builders import groups_of, share_of, weight_of

from pushpaka_core.adapters.process.sandbox.cgroups import (
    Cgroups,
    ParentCgroup,
    available_cgroups,
    find_cgroups,
    pids_in,
)
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.ports.processes import Command, Exit, OutputStream, ResourceLimits
from pushpaka_core.testing.processes import (
    DAEMON,
    GRACE,
    NO_GRACE,
    live_pids,
    output_text,
    python,
    read,
    run,
    sh,
    wait_until_exited,
)

pytestmark = pytest.mark.anyio

MEBIBYTE = 2**20
MOST = 64 * MEBIBYTE
BOUND = ResourceLimits(memory_bytes=MOST, cpus=0.5, cpu_weight=50, processes=50)

needs_groups = pytest.mark.skipif(
    len(available_cgroups().controllers) < 3, reason="this host admits no control groups"
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
"""A program with processes that each stay below the limit, but exceed it together."""

TWO_THAT_SPIN = """
import os
os.fork()
os.write(1, b"up")
while True:
    pass
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
"""A program that leaves behind a process that no parent, session or variable identifies."""

ANOTHER_PLATFORM = """
import sys, anyio
from pathlib import Path
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import Command, ResourceLimits

async def show(chunk):
    print(chunk.data.decode(), flush=True)

async def main():
    processes, bound = HostProcesses(Path(sys.argv[1])), ResourceLimits(processes=50)
    argv, env = ("/bin/sh", "-c", "echo up; exec /bin/sleep 60"), {"MARK": sys.argv[2]}
    command = Command(argv=argv, directory=Path("/"), env=env, limits=bound)
    await processes.run(command, on_output=show)

anyio.run(main)
"""


def with_limits(command: Command, limits: ResourceLimits = BOUND) -> Command:
    return evolve(command, limits=limits)


def times_throttled(group: Path) -> int:
    """Return how often the kernel has throttled the programs in *group*."""
    words = (group / "cpu.stat").read_text().split()
    return int(dict(zip(words[::2], words[1::2], strict=True))["nr_throttled"])


@needs_groups
class TestLimits:
    """Tests programs that exceed their limits."""

    async def test_a_program_that_takes_too_much_memory_is_killed(
        self, process_manager: HostProcesses, tmp_path: Path
    ) -> None:
        """The reason for its exit contains the limit."""
        ending, _ = await run(process_manager, with_limits(python("bytearray(2**30)", tmp_path)))

        assert Exit(signal=9, memory_limit=MOST) == ending
        assert "was killed: it used more memory than its limit of 64 MiB" == ending.description

    async def test_shell_reports_why_its_child_was_killed(
        self, process_manager: HostProcesses, tmp_path: Path
    ) -> None:
        script = f"{sys.executable} -I -S -c 'bytearray(2**30)'; exit $?"

        ending, _ = await run(process_manager, with_limits(sh(script, tmp_path)))

        assert "was killed: it used more memory than its limit of 64 MiB" == ending.description

    async def test_memory_limit_applies_to_the_process_tree(
        self, process_manager: HostProcesses, tmp_path: Path
    ) -> None:
        """Three processes that each stay below the limit exceed it together."""
        command = with_limits(python(THREE_THAT_SHARE, tmp_path))

        await process_manager.launch("web.1", command)

        process = await wait_until_exited(process_manager, "web.1")
        assert process.exit is not None
        assert MOST == process.exit.memory_limit
        assert "used more memory than its limit of 64 MiB" in process.exit.description

    async def test_other_exits_are_not_reported_as_out_of_memory(
        self, process_manager: HostProcesses, tmp_path: Path
    ) -> None:
        """Neither an exit code nor another signal means that the program ran out of memory."""
        endings = [
            (await run(process_manager, with_limits(sh(script, tmp_path))))[0]
            for script in ("exit 3", "kill -9 $$")
        ]

        assert [Exit(code=3), Exit(signal=9)] == endings

    async def test_processes_share_the_cpu_limit(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """Two busy processes share the CPU limit of their program."""
        command = with_limits(python(TWO_THAT_SPIN, tmp_path), ResourceLimits(cpus=0.2))
        await process_manager.launch("web.1", command)
        await read(process_manager, "web.1", expected=b"upup")

        (group,) = [one for one in await groups_of(state) if (one / "cpu.stat").exists()]
        with fail_after(60):
            while not await to_thread.run_sync(times_throttled, group):
                await sleep(0.05)

        assert 0.2 == await to_thread.run_sync(share_of, group)
        assert 2 == len(await to_thread.run_sync(pids_in, [group]))

    async def test_weight_applies_to_the_process_tree(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """The weight is set on the control group. The niceness of its processes stays unchanged."""
        command = python("import os, time; print(os.nice(0), flush=True); time.sleep(60)", tmp_path)
        await process_manager.launch("web.1", with_limits(command, ResourceLimits(cpu_weight=50)))
        await read(process_manager, "web.1", expected=f"{os.nice(0)}\n".encode())

        (group,) = await groups_of(state)

        assert 0.5 == await to_thread.run_sync(weight_of, group)

    async def test_process_limit_applies_to_the_platforms_own_user(
        self, process_manager: HostProcesses, tmp_path: Path
    ) -> None:
        """With a limit of 20, a program that runs as the platform's user can start 19 processes."""
        command = with_limits(python(FORKS, tmp_path), ResourceLimits(processes=20))

        _, chunks = await run(process_manager, command)

        assert "19\n" == output_text(chunks)


@needs_groups
class TestGroups:
    """Tests that control groups exist as long as their programs."""

    async def test_launched_program_has_its_own_groups(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """A program is in its control groups from its first instruction until it is stopped."""
        # The shell reads the file itself: a program for it could still be exiting below.
        script = 'while read -r line; do echo "$line"; done </proc/$$/cgroup; exec sleep 60'
        command = with_limits(sh(script, tmp_path, PATH="/usr/bin:/bin"))
        process = await process_manager.launch("web.1", command)
        await read(process_manager, "web.1", expected=b"web.1")

        during = await groups_of(state)
        inside = await to_thread.run_sync(pids_in, during)
        await process_manager.stop("web.1", grace_period=GRACE)

        assert ({"web.1"}, {process.pid}) == (set(during.values()), inside)
        assert {} == await groups_of(state)

    async def test_finished_command_leaves_no_control_group(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """Commands that cannot be started leave no control group either."""
        await run(process_manager, with_limits(python(DAEMON, tmp_path)))
        with pytest.raises(Exception, match="No such file"):
            await run(process_manager, with_limits(Command(argv=("/no/such",), directory=tmp_path)))
        with pytest.raises(Exception, match="No such file"):
            await process_manager.launch(
                "web.1", with_limits(Command(argv=("/no/such",), directory=tmp_path))
            )

        assert {} == await groups_of(state)

    async def test_no_group_is_created_without_limits(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        await process_manager.launch("web.1", sh("exec /bin/sleep 60", tmp_path))

        assert {} == await groups_of(state)

    async def test_killed_platform_leaves_no_group(self, state: Path) -> None:
        """The commands of a killed platform end, and their control groups are removed."""
        mark = str(uuid4())
        argv = [sys.executable, "-c", ANOTHER_PLATFORM, str(state), mark]
        async with await open_process(argv, stderr=None) as platform:
            assert platform.stdout is not None
            await platform.stdout.receive()
            during = await groups_of(state)

            platform.kill()
            await platform.wait()

        assert 1 == len(during)
        with fail_after(60):
            while await groups_of(state):
                await sleep(0.01)
        assert set() == await live_pids(mark)

    async def test_hidden_process_is_found_in_its_group(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """A hidden process is killed after its shim and its program have ended."""
        mark = str(uuid4())
        process = await process_manager.launch(
            "web.1", with_limits(python(HIDER, tmp_path, MARK=mark))
        )
        await read(process_manager, "web.1", expected=b"up")
        for pid in (await _shim_of(state, "web.1"), process.pid or 0):
            os.kill(pid, signal.SIGKILL)
        await wait_until_exited(process_manager, "web.1")

        hidden = await live_pids(mark)
        swept = await process_manager.kill_orphans()

        assert (1, 1) == (len(hidden), swept)
        assert set() == await live_pids(mark)
        assert {} == await groups_of(state)

    async def test_group_of_a_program_without_a_shim_is_kept(
        self, process_manager: HostProcesses, state: Path, tmp_path: Path
    ) -> None:
        """If only its shim is killed, a program can still be stopped with its hidden processes."""
        mark = str(uuid4())
        process = await process_manager.launch(
            "web.1", with_limits(python(HIDER, tmp_path, MARK=mark))
        )
        await read(process_manager, "web.1", expected=b"up")
        os.kill(await _shim_of(state, "web.1"), signal.SIGKILL)

        swept = await process_manager.kill_orphans()
        kept = await groups_of(state)
        alive = await process_manager.inspect("web.1")
        await process_manager.stop("web.1", grace_period=NO_GRACE)

        assert (0, {"web.1"}, process) == (swept, set(kept.values()), alive)
        assert {} == await groups_of(state)
        assert set() == await live_pids(mark)


class TestWithoutGroups:
    """Tests that limits apply to single processes if there are no control groups."""

    async def test_memory_limit_applies_to_each_process(self, state: Path, tmp_path: Path) -> None:
        processes = HostProcesses(state, cgroups=Cgroups)

        ending, chunks = await run(processes, with_limits(python("bytearray(2**30)", tmp_path)))

        assert Exit(code=1) == ending
        assert "MemoryError" in output_text(chunks, OutputStream.STDERR)
        assert {} == await groups_of(state)

    @pytest.mark.parametrize(
        ("weight", "expected"), [(None, 0), (200, 0), (100, 0), (50, 3), (20, 7), (1, 19)]
    )
    async def test_weight_lowers_the_priority(
        self, state: Path, tmp_path: Path, weight: int | None, expected: int
    ) -> None:
        """Each step of niceness reduces the CPU time by a fifth. The lowest priority is 19."""
        command = python("import os; print(os.nice(0))", tmp_path)
        processes = HostProcesses(state, cgroups=Cgroups)

        _, chunks = await run(processes, with_limits(command, ResourceLimits(cpu_weight=weight)))

        assert f"{min(os.nice(0) + expected, 19)}\n" == output_text(chunks)

    async def test_programs_are_started_and_stopped(self, state: Path, tmp_path: Path) -> None:
        processes = HostProcesses(state, cgroups=Cgroups)
        process = await processes.launch("web.1", with_limits(sh("exec /bin/sleep 60", tmp_path)))

        swept = await processes.kill_orphans()
        await processes.stop("web.1", grace_period=GRACE)

        assert (True, 0) == (process.is_alive, swept)
        assert Exit(signal=signal.SIGTERM) == (await wait_until_exited(processes, "web.1")).exit


UNIFIED = "0::{path}\n"
UNIFIED_MOUNT = "30 20 0:26 / {root} rw - cgroup2 cgroup2 rw,nsdelegate\n"


class TestHosts:
    """Tests that the location of control groups is read from /proc."""

    def test_cgroup_version_2_has_one_group_for_all_controllers(self, tmp_path: Path) -> None:
        """One group has all controllers, and swap is limited as well."""
        _create_v2_group(tmp_path / "service", "cpu memory pids")

        cgroups = find_cgroups(UNIFIED.format(path="/service"), UNIFIED_MOUNT.format(root=tmp_path))

        assert {"cpu", "memory", "pids"} == cgroups.controllers
        assert {
            f"{tmp_path}/service/pushpaka.1-2.web": {
                "cpu.max": "50000 100000",
                "cpu.weight": "50",
                "memory.max": str(MOST),
                "memory.swap.max": "0",
                "pids.max": "50",
            }
        } == cgroups.groups_for("1-2", "web", BOUND)

    def test_parent_group_can_be_the_delegated_one(self, tmp_path: Path) -> None:
        """A service manager may run the platform in a group below the delegated group."""
        _create_v2_group(tmp_path / "service", "memory pids")
        _create_v2_group(tmp_path / "service" / "main", "")
        paths, mounts = UNIFIED.format(path="/service/main"), UNIFIED_MOUNT.format(root=tmp_path)
        before = find_cgroups(paths, mounts)

        os.setxattr(tmp_path / "service", "user.delegate", b"1")

        assert Cgroups() == before
        assert {"memory", "pids"} == find_cgroups(paths, mounts).controllers

    def test_cgroup_version_1_has_a_group_in_each_hierarchy(self, tmp_path: Path) -> None:
        """Controllers may share a hierarchy, and mounts may begin below the root."""
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
                "cpu.shares": "512",
            },
            f"{tmp_path}/memory/own/pushpaka.1-2.web": {
                "memory.limit_in_bytes": str(MOST),
                "memory.memsw.limit_in_bytes": str(MOST),
            },
        } == cgroups.groups_for("1-2", "web", BOUND)

    @pytest.mark.parametrize(
        ("paths", "mounts"),
        [("", ""), ("0::/\n", ""), ("", UNIFIED_MOUNT), ("0::/../away\n", UNIFIED_MOUNT)],
        ids=["nothing", "no-mounts", "no-membership", "elsewhere"],
    )
    def test_no_control_groups_are_found_on_a_host_without_them(
        self, tmp_path: Path, paths: str, mounts: str
    ) -> None:
        assert Cgroups() == find_cgroups(paths, mounts.format(root=tmp_path / "mount"))

    def test_program_without_limits_is_not_limited(self, tmp_path: Path) -> None:
        parent_cgroup = ParentCgroup(directory=tmp_path, controllers=frozenset({"cpu"}), is_v2=True)

        assert {} == Cgroups((parent_cgroup,)).groups_for(
            "1-2", "web", ResourceLimits(memory_bytes=MOST)
        )


def _create_v2_group(directory: Path, controllers: str) -> None:
    directory.mkdir()
    (directory / "cgroup.procs").touch()
    (directory / "cgroup.controllers").write_text(f"io {controllers}")
    (directory / "cgroup.subtree_control").write_text(controllers)


async def _shim_of(state: Path, name: str) -> int:
    record = await to_thread.run_sync(ProcessRecords(state).record, name)
    assert record is not None
    return record["shim"]["pid"]
