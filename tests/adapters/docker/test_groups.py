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


@pytest.fixture
def separate(tmp_path: Path) -> Path:
    for controller in ("memory", "cpu", "pids"):
        (tmp_path / controller).mkdir()
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
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
    """All limits stand in it."""
    async with BuildGroups(unified).around("build-1", LIMITS):
        texts = await to_thread.run_sync(_texts, unified / "build-1")

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
    group = AsyncPath(unified / "build-1")
    await group.mkdir()
    await (group / "memory.events").write_text(events)

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
