"""Tests every adapter against the contract of the port `ProcessManager`."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.testing.launches import ProcessManagerContract

pytestmark = pytest.mark.anyio


@pytest.fixture
async def process_manager(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ProcessManager]:
    host = HostProcesses(tmp_path_factory.mktemp("state"))
    yield host
    for process in await host.list_launched():
        await host.stop(process.name, grace_period=timedelta(0))


class TestProcessManager(ProcessManagerContract):
    """Runs the contract with real programs."""
