"""An instance in memory behind a real server, a proxy in front of it, and a signed-in client."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.client.proxy import Proxy, proxy_to
from tests.http.clients import Person
from tests.http.instances import Instance, SharedApp, shared_app
from tests.http.raw import serve

from pushpaka_http.client import AsyncClient, RetryPolicy
from pushpaka_http.middleware.rate_limits import Limits

BRIEF = RetryPolicy(total_seconds=5, initial_delay=0.02, max_delay=0.1)


@pytest.fixture
def client_app() -> SharedApp:
    return shared_app(Limits(stream_recheck_seconds=0.05))


@pytest.fixture
def instance(client_app: SharedApp) -> Instance:
    return client_app.clear()


@pytest.fixture
async def port(client_app: SharedApp, instance: Instance) -> AsyncIterator[int]:
    del instance  # It has to be empty first.
    async with serve(client_app.app) as port:
        yield port


@pytest.fixture
async def proxy(port: int) -> AsyncIterator[Proxy]:
    async with proxy_to(port) as proxy:
        yield proxy


@pytest.fixture
async def ann(port: int) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield await Person.register(client, "ann@example.com")


@pytest.fixture
async def client(proxy: Proxy, ann: Person) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(proxy.url, token=ann.token, retry_policy=BRIEF) as client:
        yield client
