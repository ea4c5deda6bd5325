"""The contract of the port `Processes`, over every adapter."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.ports.processes import Processes
from pushpaka_core.testing.processes import ProcessesContract

pytestmark = pytest.mark.anyio


@pytest.fixture
async def processes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    host = HostProcesses(tmp_path_factory.mktemp("state"))
    yield host
    for process in await host.launched():
        await host.stop(process.name, grace=timedelta(0))


class TestProcesses(ProcessesContract):
    """Every promise, kept with real programs."""
