"""Programs of this host, ended with the test that launched them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from pushpaka_core.adapters.process.processes import HostProcesses


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def processes(state: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(state)
    yield host
    for process in await host.launched():
        await host.stop(process.name, grace=timedelta(0))
    await host.sweep()
