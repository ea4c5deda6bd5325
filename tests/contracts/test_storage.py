"""The storage's promises, over every adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.postgres import empty

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.objects import a_user
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


@pytest.mark.needs("postgres")
class TestPostgresStorage(StorageContract):
    """PostgreSQL alike, in one database that each test finds empty."""

    @pytest.fixture
    async def storage(self, shared_storage: SqlStorage) -> Storage:
        await empty(shared_storage)
        return shared_storage


async def test_an_outage_of_the_memory_storage_can_be_played() -> None:
    """While it lasts nothing is read or written, and what was open does not commit."""
    storage = MemoryStorage()

    with pytest.raises(StorageUnavailableError):
        await _write_until_the_outage(storage)
    with pytest.raises(StorageUnavailableError):
        await storage.check()

    storage.recover()
    async with storage.snapshot() as uow:
        assert [] == list(await uow.users.all())


async def _write_until_the_outage(storage: MemoryStorage) -> None:
    async with storage.transaction() as uow:
        await uow.users.add(a_user())
        storage.fail()
