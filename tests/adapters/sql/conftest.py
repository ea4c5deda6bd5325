"""Databases for tests: SQLite files, and databases on the PostgreSQL server of the test run."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.servers.postgres import POSTGRES, PostgresServer, delete_all_rows

from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage

PATIENCE = timedelta(minutes=1)
"""A long timeout, so that tests of concurrent writers do not fail on a busy machine."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pushpaka.db"


@pytest.fixture
def url(file: Path) -> str:
    """Return the URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
async def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite database that tests copy."""
    file = tmp_path_factory.mktemp("migrated") / "template.db"
    await migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def migrated_url(migrated_file: Path, file: Path, url: str) -> str:
    """Return the URL of an empty SQLite database with the current schema."""
    shutil.copy(migrated_file, file)
    return url


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database with the current schema."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", POSTGRES])
def bare_url(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """Return the URL of a database without a schema, once for each kind of database."""
    if request.param == "sqlite":
        yield url
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database(migrated=False) as postgres_url:
        yield postgres_url


@pytest.fixture(params=["sqlite", POSTGRES])
def any_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database with the current schema, for each kind of database."""
    name = "migrated_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def sqlite_storages(migrated_url: str) -> AsyncIterator[list[SqlStorage]]:
    async with (
        open_storage(migrated_url, migrate=False, wait_timeout=PATIENCE) as one,
        open_storage(migrated_url, migrate=False, wait_timeout=PATIENCE) as other,
    ):
        yield [one, other]


@pytest.fixture(scope="session")
async def postgres_pair(postgres: PostgresServer) -> AsyncIterator[list[SqlStorage]]:
    with postgres.database() as url:
        async with (
            open_storage(url, migrate=False, wait_timeout=PATIENCE) as one,
            open_storage(url, migrate=False, wait_timeout=PATIENCE) as other,
        ):
            yield [one, other]


@pytest.fixture
async def postgres_storages(postgres_pair: list[SqlStorage]) -> list[SqlStorage]:
    await delete_all_rows(postgres_pair[0])
    return postgres_pair


@pytest.fixture(params=["sqlite", POSTGRES])
def storages(request: pytest.FixtureRequest) -> list[SqlStorage]:
    """Return two storages of one empty database, like those of two processes."""
    name = "sqlite_storages" if request.param == "sqlite" else "postgres_storages"
    storages: list[SqlStorage] = request.getfixturevalue(name)
    return storages


@pytest.fixture
def storage(storages: list[SqlStorage]) -> SqlStorage:
    return storages[0]
