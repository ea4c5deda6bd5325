"""`GET /internal/routes`, which routers on other machines ask."""

from collections.abc import AsyncIterator

import httpx
import pytest
from attrs import evolve
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.ports.router import RouteTable, Upstream
from pushpaka_core.services.route_tables import RouteTableService
from pushpaka_core.services.routing import Routing
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

TOKEN = "x7Qm-a-token-of-the-routers-0123456789"


def words(table: RouteTable) -> str:
    """Write a table so that a test can read it."""
    hosts = [host for route in table.routes for host in route.hosts]
    return f'"{table.generation}: {", ".join(hosts)}"'


@pytest.fixture
def routing(instance: Instance) -> Routing:
    apis = (Upstream(host="10.0.0.4", port=8080),)
    return Routing(instance.world.storage, MemoryRouter(), Addresses(), apis)


@pytest.fixture
async def client(instance: Instance, routing: Routing) -> AsyncIterator[httpx.AsyncClient]:
    application = evolve(instance.application, route_tables=RouteTableService(routing, words))
    async with speaking_to(create_app(application, router_token=TOKEN)) as client:
        yield client


async def fetched(client: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    """Ask as a router does."""
    return await client.get("/internal/routes", headers={"Authorization": f"Bearer {token}"})


async def test_routers_are_given_what_the_database_says(
    client: httpx.AsyncClient, routing: Routing
) -> None:
    """The newest table, under the number that was drawn last, whoever drew that."""
    before = await fetched(client)

    await routing.publish()
    after = await fetched(client)

    assert (200, "application/json") == (before.status_code, before.headers["Content-Type"])
    assert ["0: api.localhost", "1: api.localhost"] == [before.json(), after.json()]


async def test_nobody_else_is_given_the_table(ann: Person) -> None:
    """Neither a stranger nor somebody with an account."""
    answers = [
        await ann.client.get("/internal/routes"),
        await fetched(ann.client, ann.token),
        await fetched(ann.client, TOKEN[:-1]),
    ]

    assert [401] * 3 == [answer.status_code for answer in answers]
    assert "localhost" not in "".join(answer.text for answer in answers)


async def test_without_such_routers_there_is_no_table(instance: Instance) -> None:
    """Where no token is set there is no page, for whatever token."""
    async with speaking_to(create_app(instance.application)) as client:
        answer = await fetched(client)
        elsewhere = await client.get("/internal/nothing")

    assert (404, 404) == (answer.status_code, elsewhere.status_code)
    assert answer.json()["error"] == elsewhere.json()["error"]
