"""Control groups of builds, of either version, in a directory that stands for the kernel's."""

from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import to_thread

from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Limits

pytestmark = pytest.mark.anyio

LIMITS = Limits(memory_bytes=2**28, cpus=1.5, processes=64)


SEPARATE = (
    *("memory/build-1/memory.limit_in_bytes", "memory/build-1/memory.memsw.limit_in_bytes"),
    *("cpu/build-1/cpu.cfs_period_us", "cpu/build-1/cpu.cfs_quota_us", "pids/build-1/pids.max"),
)
UNIFIED = ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
"""What the kernel has in a group of either version, which nobody else can make."""


@pytest.fixture
def separate(tmp_path: Path) -> Path:
    for file in SEPARATE:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").touch()
    (tmp_path / "build-1").mkdir()
    for file in UNIFIED:
        (tmp_path / "build-1" / file).touch()
    return tmp_path


def _texts(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.rglob("*") if path.is_file()}


def _empty(directory: Path) -> None:
    """Remove the files of groups, which the kernel does not count."""
    for path in directory.rglob("*/*/*"):
        path.unlink()


async def test_first_version_has_a_group_for_each_controller(separate: Path) -> None:
    """Memory is limited together with swap, so that there is no way out."""
    async with BuildGroups(separate).around("build-1", LIMITS) as name:
        texts = [
            await to_thread.run_sync(_texts, separate / c / "build-1")
            for c in ("memory", "cpu", "pids")
        ]

    assert "/build-1" == name
    assert [
        {"memory.limit_in_bytes": str(2**28), "memory.memsw.limit_in_bytes": str(2**28)},
        {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"},
        {"pids.max": "64"},
    ] == texts


async def test_second_version_has_one_group(unified: Path) -> None:
    """All limits stand in it, and the root hands on what it takes to have them."""
    async with BuildGroups(unified).around("build-1", LIMITS):
        texts = await to_thread.run_sync(_texts, unified / "build-1")
        handed_on = await AsyncPath(unified / "cgroup.subtree_control").read_text()

    assert "+cpu +memory +pids" == handed_on
    assert {
        "memory.max": str(2**28),
        "memory.swap.max": "0",
        "cpu.max": "150000 100000",
        "pids.max": "64",
    } == texts


async def test_group_is_there_until_the_last_build_in_it_has_ended(separate: Path) -> None:
    """Builds of a project that run at the same time share what they may take."""
    group = AsyncPath(separate / "memory/build-1")
    async with BuildGroups(separate).around("build-1", LIMITS):
        async with BuildGroups(separate).around("build-1", LIMITS):
            await to_thread.run_sync(_empty, separate)
        during = await group.exists()

    assert (True, False) == (during, await group.exists())


@pytest.mark.parametrize(
    ("events", "was_out"),
    [("oom 0\noom_kill 0\n", False), ("oom 3\noom_kill 2\n", True), ("", False)],
)
async def test_second_version_tells_of_kills(unified: Path, events: str, *, was_out: bool) -> None:
    """What was killed for its memory is counted by the kernel."""
    await AsyncPath(unified / "build-1" / "memory.events").write_text(events)

    assert was_out is await BuildGroups(unified).was_out_of_memory("build-1")


@pytest.mark.parametrize(("most", "was_out"), [("100", False), ("268435456", True)])
async def test_first_version_tells_what_was_used(
    separate: Path, most: str, *, was_out: bool
) -> None:
    """Who has had as much as there is wanted more."""
    async with BuildGroups(separate).around("build-1", LIMITS):
        used = AsyncPath(separate / "memory/build-1/memory.max_usage_in_bytes")
        await used.write_text(most)

        assert was_out is await BuildGroups(separate).was_out_of_memory("build-1")


async def test_where_no_group_can_be_made_nothing_is_built(tmp_path: Path) -> None:
    """A build without bounds would be worse than none."""
    with pytest.raises(PlatformFaultError, match="No control group can be made"):
        async with BuildGroups(tmp_path / "missing").around("build-1", LIMITS):
            pytest.fail("it was let in")


@pytest.mark.parametrize("file", ["memory.swap.max", "memory/memory.memsw.limit_in_bytes"])
async def test_kernel_that_counts_no_swap_is_enough(
    request: pytest.FixtureRequest, file: str
) -> None:
    """There is nothing to limit then."""
    root = _of_version(request, file)
    await AsyncPath(root, _in_group(file)).unlink()

    async with BuildGroups(root).around("build-1", LIMITS):
        is_made = await AsyncPath(root, _in_group(file)).exists()

    assert not is_made


@pytest.mark.parametrize(
    "file",
    [
        *("memory.max", "cpu.max", "pids.max", "memory/memory.limit_in_bytes"),
        *("cpu/cpu.cfs_period_us", "cpu/cpu.cfs_quota_us", "pids/pids.max"),
    ],
)
async def test_where_a_limit_is_missing_nothing_is_built(
    request: pytest.FixtureRequest, file: str
) -> None:
    """A build that could take all of the host's memory, processors or processes is not begun."""
    root = _of_version(request, file)
    await AsyncPath(root, _in_group(file)).unlink()

    with pytest.raises(PlatformFaultError, match=f"groups have no {file.rpartition('/')[2]}"):
        async with BuildGroups(root).around("build-1", LIMITS):
            pytest.fail("it was let in")


def _of_version(request: pytest.FixtureRequest, file: str) -> Path:
    root: Path = request.getfixturevalue("separate" if "/" in file else "unified")
    return root


def _in_group(file: str) -> str:
    controller, _, name = file.rpartition("/")
    return f"{controller}/build-1/{name}".lstrip("/")
