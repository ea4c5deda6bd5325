"""A database of a test's own: a file, or on the server of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres import POSTGRES, PostgresServer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pushpaka.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with the present schema, and nothing in it."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", POSTGRES])
def bare_url(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """A database without a schema, of each kind."""
    if request.param == "sqlite":
        yield url
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database(migrated=False) as postgres_url:
        yield postgres_url


@pytest.fixture(params=["sqlite", POSTGRES])
def any_url(request: pytest.FixtureRequest, url: str) -> str:
    """A database to be migrated or migrated already, of each kind."""
    return url if request.param == "sqlite" else request.getfixturevalue("postgres_url")
