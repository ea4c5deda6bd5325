"""`GET /internal/routes`, which routers on other machines request."""

from collections.abc import AsyncIterator

import httpx
import pytest
from attrs import evolve
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.router import RouteTable, Upstream
from pushpaka_core.services.routing.routes import RoutePublisher, RouteTableService
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

TOKEN = "x7Qm-a-token-of-the-routers-0123456789"


def summary(table: RouteTable) -> str:
    """Return a route table's generation and host names as text."""
    hosts = [host for route in table.routes for host in route.hosts]
    return f'"{table.generation}: {", ".join(hosts)}"'


@pytest.fixture
def route_publisher(instance: Instance) -> RoutePublisher:
    apis = (Upstream(host="10.0.0.4", port=8080),)
    return RoutePublisher(instance.services.storage, MemoryRouter(), PublicUrls(), apis)


@pytest.fixture
async def client(
    instance: Instance, route_publisher: RoutePublisher
) -> AsyncIterator[httpx.AsyncClient]:
    application = evolve(
        instance.application, route_tables=RouteTableService(route_publisher, summary)
    )
    async with speaking_to(create_app(application, router_token=TOKEN)) as client:
        yield client


async def fetch_table(client: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    """Request the route table as a router on another machine does."""
    return await client.get("/internal/routes", headers={"Authorization": f"Bearer {token}"})


async def test_routers_get_the_newest_table(
    client: httpx.AsyncClient, route_publisher: RoutePublisher
) -> None:
    before = await fetch_table(client)

    await route_publisher.publish()
    after = await fetch_table(client)

    assert (200, "application/json") == (before.status_code, before.headers["Content-Type"])
    assert ["0: api.localhost", "1: api.localhost"] == [before.json(), after.json()]


async def test_only_routers_get_the_table(ann: Person) -> None:
    answers = [
        await ann.client.get("/internal/routes"),
        await fetch_table(ann.client, ann.token),
        await fetch_table(ann.client, TOKEN[:-1]),
    ]

    assert [401] * 3 == [answer.status_code for answer in answers]
    assert "localhost" not in "".join(answer.text for answer in answers)


async def test_route_table_requires_a_router_token(instance: Instance) -> None:
    async with speaking_to(create_app(instance.application)) as client:
        answer = await fetch_table(client)
        elsewhere = await client.get("/internal/nothing")

    assert (404, 404) == (answer.status_code, elsewhere.status_code)
    assert answer.json()["error"] == elsewhere.json()["error"]
