"""An empty instance, its API, and two people who do not know of each other."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits


@pytest.fixture
def instance() -> Instance:
    return Instance.empty()


@pytest.fixture
def limits() -> Limits:
    return Limits(watch_check_seconds=0.05, watch_stall_seconds=0.2, body_seconds=0.2)


@pytest.fixture
def app(instance: Instance, limits: Limits) -> Litestar:
    return create_app(instance.application, limits=limits)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking_to(app) as client:
        yield client


@pytest.fixture
async def ann(client: httpx.AsyncClient) -> Person:
    return await Person.registered(client, "ann@example.com")


@pytest.fixture
async def bob(client: httpx.AsyncClient) -> Person:
    return await Person.registered(client, "bob@example.com")
