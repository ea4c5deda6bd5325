"""An empty instance, its API, and two people who do not know of each other."""

from collections.abc import AsyncIterator

import httpx
import pytest
from http_clients import BASE_URL, Person
from http_instance import Instance
from litestar import Litestar

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


@pytest.fixture
async def ann(client: httpx.AsyncClient) -> Person:
    return await Person.registered(client, "ann@example.com")


@pytest.fixture
async def bob(client: httpx.AsyncClient) -> Person:
    return await Person.registered(client, "bob@example.com")
