"""Fixtures: an empty instance, its API, a client of that API, and two users."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance, shared_app

from pushpaka_http.middleware.rate_limits import Limits


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the conformance tests in other suites, because loading Schemathesis takes seconds."""
    is_other = config.getoption("--suite") not in {None, "integration"}
    return True if is_other and collection_path.name == "test_openapi_conformance.py" else None


@pytest.fixture
def limits() -> Limits:
    return Limits(stream_recheck_seconds=0.05)


@pytest.fixture
def instance(limits: Limits) -> Instance:
    return shared_app(limits).clear()


@pytest.fixture
def app(instance: Instance, limits: Limits) -> Litestar:
    """Return the API of the fixture `instance`."""
    del instance
    return shared_app(limits).app


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking_to(app) as client:
        yield client


@pytest.fixture
async def ann(client: httpx.AsyncClient) -> Person:
    return await Person.register(client, "ann@example.com")


@pytest.fixture
async def bob(client: httpx.AsyncClient) -> Person:
    return await Person.register(client, "bob@example.com")
