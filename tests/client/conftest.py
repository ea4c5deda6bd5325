"""An instance in memory behind a real server, and somebody who has an account there."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.client.proxy import Proxy, proxy_to
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.http.raw import served

from pushpaka_http.app import create_app
from pushpaka_http.client import AsyncClient, Retries
from pushpaka_http.rate_limits import Limits

BRIEF = Retries(total=5, first_pause=0.02, longest_pause=0.1)


@pytest.fixture
def instance() -> Instance:
    return Instance.empty()


@pytest.fixture
async def port(instance: Instance) -> AsyncIterator[int]:
    limits = Limits(watch_check_seconds=0.05)
    async with served(create_app(instance.application, limits=limits)) as port:
        yield port


@pytest.fixture
async def proxy(port: int) -> AsyncIterator[Proxy]:
    async with proxy_to(port) as proxy:
        yield proxy


@pytest.fixture
async def ann(port: int) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield await Person.registered(client, "ann@example.com")


@pytest.fixture
async def client(proxy: Proxy, ann: Person) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(proxy.url, token=ann.token, retries=BRIEF) as client:
        yield client
