"""Tests every adapter against the contract of the port `Storage`."""

from collections.abc import AsyncIterator
from importlib import import_module
from pkgutil import walk_packages

import pytest
from tests.servers.postgres import delete_all_rows

from pushpaka_core import domain
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.routing.custom_domains import CUSTOM_DOMAINS
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import ENTITIES
from pushpaka_core.testing.storage.storage import StorageContract

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
async def shared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqlStorage]:
    """Yield the storage of an SQLite database that all tests of this process share."""
    file = tmp_path_factory.mktemp("sqlite") / "pushpaka.db"
    async with open_storage(f"sqlite:///{file}", migrate=True) as storage:
        yield storage


class TestStorage(StorageContract):
    @pytest.fixture(params=["memory", "sqlite"])
    def storage_backend(self, request: pytest.FixtureRequest) -> Storage:
        is_memory = request.param == "memory"
        storage_backend: Storage = (
            MemoryStorage() if is_memory else request.getfixturevalue("shared_sqlite")
        )
        return storage_backend

    @pytest.fixture
    async def storage(self, storage_backend: Storage) -> Storage:
        if isinstance(storage_backend, SqlStorage):
            await delete_all_rows(storage_backend)
        return storage_backend


@pytest.mark.needs("postgres")
class TestPostgresStorage(StorageContract):
    @pytest.fixture
    async def storage(self, shared_storage: SqlStorage) -> Storage:
        await delete_all_rows(shared_storage)
        return shared_storage


def test_every_entity_type_is_tested() -> None:
    """The entity types of the domain are those of this module, and custom domains."""
    names = [module.name for module in walk_packages(domain.__path__, f"{domain.__name__}.")]
    values = [value for name in names for value in vars(import_module(name)).values()]
    declared = {value for value in values if isinstance(value, EntityType)}

    assert {*ENTITIES, CUSTOM_DOMAINS} == declared


async def test_an_outage_of_the_memory_storage_can_be_simulated() -> None:
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
