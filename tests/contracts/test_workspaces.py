"""Tests every adapter against the contract of the port `Workspaces`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
from pushpaka_core.adapters.memory.workspaces import MemoryWorkspaces
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.testing.workspaces import WorkspacesContract

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "directory"])
async def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workspaces]:
    adapter: Workspaces = (
        MemoryWorkspaces() if request.param == "memory" else DirectoryWorkspaces(tmp_path)
    )
    yield adapter
    for lease in await adapter.leases():
        await adapter.remove(lease)


class TestWorkspaces(WorkspacesContract):
    """Runs the contract in memory and with real directories."""
