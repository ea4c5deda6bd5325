"""Tests the host adapter on the host that runs the tests."""

import shutil
from pathlib import Path

import psutil
import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
from pushpaka_core.adapters.host.local_host import LocalHost
from pushpaka_core.domain.platform.failpoints import Fault, InjectedFault
from pushpaka_core.errors import UnavailableError
from pushpaka_core.maintenance.instance import stop_everything
from pushpaka_core.settings.settings import Settings

pytestmark = pytest.mark.anyio


async def test_free_space_and_memory_are_read_from_the_kernel(tmp_path: Path) -> None:
    room = await LocalHost(tmp_path).free_capacity()

    assert 0 < room.disk <= shutil.disk_usage(tmp_path).total
    assert 0 < room.memory <= psutil.virtual_memory().total


async def test_missing_directory_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be measured"):
        await LocalHost(tmp_path / "gone").free_capacity()


async def test_restart_is_reported_once(tmp_path: Path) -> None:
    """The data directory stores the id of the last boot until `pushpaka down` removes it."""
    host = LocalHost(tmp_path)
    at_first = [await host.has_restarted(), await LocalHost(tmp_path).has_restarted()]
    (tmp_path / "boot").write_text("another boot")
    after_a_reboot = [await host.has_restarted(), await host.has_restarted()]
    await stop_everything(Settings(data_directory=tmp_path))
    after_down = [await host.has_restarted(), await host.has_restarted()]

    assert 3 * [[True, False]] == [at_first, after_a_reboot, after_down]


async def test_restart_is_not_reported_if_it_cannot_be_recorded(tmp_path: Path) -> None:
    """Otherwise, each start of the platform would report the same host restart again."""
    assert not await LocalHost(tmp_path / "gone").has_restarted()


async def test_failpoint_raises_at_its_step_only() -> None:
    failpoints = ProcessFailpoints(InjectedFault(step="build", fault=Fault.RAISE))

    await failpoints.hit("source")
    with pytest.raises(RuntimeError, match="A test has set the failpoint build"):
        await failpoints.hit("build")


async def test_failpoint_hangs_until_it_is_canceled() -> None:
    passed = []

    async def reach_failpoint() -> None:
        await ProcessFailpoints(InjectedFault(step="build", fault=Fault.HANG)).hit("build")
        passed.append("build")

    async with create_task_group() as tasks:
        tasks.start_soon(reach_failpoint)
        for _ in range(5):
            await checkpoint()
        tasks.cancel_scope.cancel()

    assert [] == passed
