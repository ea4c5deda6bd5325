"""The storage's promises, over every adapter."""

import pytest

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.storage import StorageContract

pytestmark = pytest.mark.anyio


class TestStorage(StorageContract):
    """Memory and SQLite alike."""


@pytest.fixture(params=["memory"])
async def storage() -> Storage:
    return MemoryStorage()
