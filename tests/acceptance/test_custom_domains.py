"""A domain is routed once the DNS proves whose it is, and no longer than its owner wants it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.name_server import NameServer, open_name_server
from tests.served import Served, free_port, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

DOMAIN = "shop.example.com"


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    with open_name_server(free_port()) as server:
        yield server


@pytest.fixture
async def served(name_server: NameServer) -> AsyncIterator[Served]:
    async with open_served(
        **OWN_ADDRESSES,
        PUSHPAKA_DNS_SERVERS=name_server.setting,
        PUSHPAKA_BASE_DOMAIN="apps.example.net",
    ) as served:
        await served.start()
        yield served
        assert "Traceback" not in served.log


async def until_answered(person: Person, expected: int) -> str:
    """Wait until the router answers so at the domain, and return what it says."""
    with fail_after(PATIENCE):
        while expected != (answer := await person.visit(f"http://{DOMAIN}")).status_code:
            await sleep(0.1)
    return answer.text


async def claim(person: Person, project: Json) -> Json:
    return await person.ask("POST", "/domains", {"project_id": project["id"], "domain": DOMAIN})


async def test_only_a_proven_domain_is_routed(served: Served, name_server: NameServer) -> None:
    """It is not before, it is within seconds after, and is not any more once it is given up."""
    records = name_server.zone.records
    records["shop.apps.example.net", "A"] = ("192.0.2.1",)
    async with Person.signed_up(served) as ann, Person.signed_up(served) as bob:
        project = await ann.project(repository_of(served.repositories / "shop", server("v1")).path)
        await ann.deploy(project)
        domain = await claim(ann, project)
        his = await claim(bob, await bob.project("https://git.example.com/bob/app.git"))
        unproven = await ann.ask("POST", f"/domains/{domain['id']}/verify")
        before = await ann.visit(f"http://{DOMAIN}")
        records[domain["verification"]["name"], "TXT"] = ("of others", his["verification"]["value"])
        others = await ann.ask("POST", f"/domains/{domain['id']}/verify")
        records[domain["verification"]["name"], "TXT"] += (domain["verification"]["value"],)
        records[DOMAIN, "CNAME"] = ("shop.apps.example.net",)

        proven = await ann.ask("POST", f"/domains/{domain['id']}/verify")
        shown = await until_answered(ann, httpx.codes.OK)
        late = await bob.status_of("POST", f"/domains/{his['id']}/verify")
        await ann.ask("DELETE", f"/domains/{domain['id']}")
        with fail_after(5):
            await until_answered(ann, httpx.codes.NOT_FOUND)
        after = await bob.ask("POST", f"/domains/{his['id']}/verify")

    assert ("pending", httpx.codes.NOT_FOUND) == (unproven["status"], before.status_code)
    assert "does not hold the value of this claim" in others["reason"]
    assert ("verified", True, None) == (proven["status"], proven["verified"], proven["reason"])
    assert {
        "reached": True,
        "seen": {"cname": "shop.apps.example.net", "addresses": ["192.0.2.1"]},
        "expected": {"cname": "shop.apps.example.net", "addresses": ["192.0.2.1"]},
    } == proven["reachability"]
    assert "v1" == shown
    assert (409, "verified") == (late, after["status"])
