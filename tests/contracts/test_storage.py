"""The storage's promises, over every adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.storage import StorageContract

pytestmark = pytest.mark.anyio


class TestStorage(StorageContract):
    """Memory and SQLite alike."""


@pytest.fixture(params=["memory", "sqlite"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    async with open_storage(f"sqlite:///{tmp_path / 'pushpaka.db'}", migrate=True) as storage:
        yield storage
