"""The machine that the tests run on, as the platform sees it."""

import shutil
from pathlib import Path

import psutil
import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
from pushpaka_core.adapters.host.host import LocalHost
from pushpaka_core.domain.failpoints import Effect, Failpoint
from pushpaka_core.errors import UnavailableError

pytestmark = pytest.mark.anyio


async def test_room_is_what_the_kernel_says(tmp_path: Path) -> None:
    """It is never more than there is at all."""
    room = await LocalHost(tmp_path).room()

    assert 0 < room.disk <= shutil.disk_usage(tmp_path).total
    assert 0 < room.memory <= psutil.virtual_memory().total


async def test_directory_that_is_gone_cannot_be_measured(tmp_path: Path) -> None:
    """Nobody takes the unknown for plenty."""
    with pytest.raises(UnavailableError, match="cannot be measured"):
        await LocalHost(tmp_path / "gone").room()


async def test_failpoint_raises_at_its_step_alone() -> None:
    """Every other step is passed as if nothing were set."""
    failpoints = ProcessFailpoints(Failpoint(step="build", effect=Effect.RAISE))

    await failpoints.reach("source")
    with pytest.raises(RuntimeError, match="A test has set the failpoint build"):
        await failpoints.reach("build")


async def test_failpoint_hangs_until_it_is_cancelled() -> None:
    """Whoever reaches it goes no further."""
    passed = []

    async def reach() -> None:
        await ProcessFailpoints(Failpoint(step="build", effect=Effect.HANG)).reach("build")
        passed.append("build")

    async with create_task_group() as tasks:
        tasks.start_soon(reach)
        for _ in range(5):
            await checkpoint()
        tasks.cancel_scope.cancel()

    assert [] == passed
