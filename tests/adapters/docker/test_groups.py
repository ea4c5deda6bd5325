"""Tests the control groups of builds with simulated directories of both cgroup versions."""

from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import to_thread

from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import ResourceLimits

pytestmark = pytest.mark.anyio

LIMITS = ResourceLimits(memory_bytes=2**28, cpus=1.5, processes=64)


V1_FILES = (
    *("memory/build-1/memory.limit_in_bytes", "memory/build-1/memory.memsw.limit_in_bytes"),
    *("cpu/build-1/cpu.cfs_period_us", "cpu/build-1/cpu.cfs_quota_us", "pids/build-1/pids.max"),
)
V2_FILES = ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
"""
The control files of a build's group with cgroup version 2, as V1_FILES are those with version 1.

The tests create these files, which the kernel creates in a real cgroup directory.
"""


@pytest.fixture
def v1_root(tmp_path: Path) -> Path:
    for file in V1_FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.fixture
def v2_root(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").touch()
    (tmp_path / "build-1").mkdir()
    for file in V2_FILES:
        (tmp_path / "build-1" / file).touch()
    return tmp_path


def _read_files(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.rglob("*") if path.is_file()}


def _remove_files(directory: Path) -> None:
    """Remove the files of groups, because the kernel removes directories with their files."""
    for path in directory.rglob("*/*/*"):
        path.unlink()


async def test_cgroup_version_1_has_a_group_for_each_controller(v1_root: Path) -> None:
    """Memory is limited both alone and together with swap."""
    async with BuildGroups(v1_root).open_group("build-1", LIMITS) as name:
        texts = [
            await to_thread.run_sync(_read_files, v1_root / c / "build-1")
            for c in ("memory", "cpu", "pids")
        ]

    assert "/build-1" == name
    assert [
        {"memory.limit_in_bytes": str(2**28), "memory.memsw.limit_in_bytes": str(2**28)},
        {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"},
        {"pids.max": "64"},
    ] == texts


async def test_cgroup_version_2_has_one_group(v2_root: Path) -> None:
    """The root group delegates its controllers to the group of the build."""
    async with BuildGroups(v2_root).open_group("build-1", LIMITS):
        texts = await to_thread.run_sync(_read_files, v2_root / "build-1")
        handed_on = await AsyncPath(v2_root / "cgroup.subtree_control").read_text()

    assert "+cpu +memory +pids" == handed_on
    assert {
        "memory.max": str(2**28),
        "memory.swap.max": "0",
        "cpu.max": "150000 100000",
        "pids.max": "64",
    } == texts


async def test_group_exists_until_its_last_build_has_ended(v1_root: Path) -> None:
    """Concurrent builds of a project share a group."""
    group = AsyncPath(v1_root / "memory/build-1")
    async with BuildGroups(v1_root).open_group("build-1", LIMITS):
        async with BuildGroups(v1_root).open_group("build-1", LIMITS):
            await to_thread.run_sync(_remove_files, v1_root)
        during = await group.exists()

    assert (True, False) == (during, await group.exists())


@pytest.mark.parametrize(
    ("events", "has_run_out"),
    [("oom 0\noom_kill 0\n", False), ("oom 3\noom_kill 2\n", True), ("", False)],
)
async def test_cgroup_version_2_reports_kills(
    v2_root: Path, events: str, *, has_run_out: bool
) -> None:
    await AsyncPath(v2_root / "build-1" / "memory.events").write_text(events)

    assert has_run_out is await BuildGroups(v2_root).ran_out_of_memory("build-1")


@pytest.mark.parametrize(("max_usage", "has_run_out"), [("100", False), ("268435456", True)])
async def test_cgroup_version_1_reports_the_peak_usage(
    v1_root: Path, max_usage: str, *, has_run_out: bool
) -> None:
    async with BuildGroups(v1_root).open_group("build-1", LIMITS):
        used = AsyncPath(v1_root / "memory/build-1/memory.max_usage_in_bytes")
        await used.write_text(max_usage)

        assert has_run_out is await BuildGroups(v1_root).ran_out_of_memory("build-1")


async def test_build_requires_a_control_group(tmp_path: Path) -> None:
    with pytest.raises(PlatformFaultError, match="control group of the build could not be created"):
        async with BuildGroups(tmp_path / "missing").open_group("build-1", LIMITS):
            pytest.fail("it was let in")


@pytest.mark.parametrize("file", ["memory.swap.max", "memory/memory.memsw.limit_in_bytes"])
async def test_swap_limits_are_optional(request: pytest.FixtureRequest, file: str) -> None:
    root = _root_with(request, file)
    await AsyncPath(root, _path_in_group(file)).unlink()

    async with BuildGroups(root).open_group("build-1", LIMITS):
        is_made = await AsyncPath(root, _path_in_group(file)).exists()

    assert not is_made


@pytest.mark.parametrize(
    "file",
    [
        *("memory.max", "cpu.max", "pids.max", "memory/memory.limit_in_bytes"),
        *("cpu/cpu.cfs_period_us", "cpu/cpu.cfs_quota_us", "pids/pids.max"),
    ],
)
async def test_build_requires_all_other_limits(request: pytest.FixtureRequest, file: str) -> None:
    root = _root_with(request, file)
    await AsyncPath(root, _path_in_group(file)).unlink()

    with pytest.raises(
        PlatformFaultError, match=f"control groups have no {file.rpartition('/')[2]}"
    ):
        async with BuildGroups(root).open_group("build-1", LIMITS):
            pytest.fail("it was let in")


def _root_with(request: pytest.FixtureRequest, file: str) -> Path:
    root: Path = request.getfixturevalue("v1_root" if "/" in file else "v2_root")
    return root


def _path_in_group(file: str) -> str:
    controller, _, name = file.rpartition("/")
    return f"{controller}/build-1/{name}".lstrip("/")
