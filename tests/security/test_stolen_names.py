"""Nobody gets visitors of a name that is not proven to be theirs, by the API or a planted row."""

from itertools import count, permutations
from typing import Any
from uuid import UUID

import pytest
from anyio import create_task_group
from litestar import Litestar
from tests.http.clients import Person, somebody, wrong_fields
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.router import Route, Upstream
from pushpaka_core.services.routing import Routing
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import NOON, a_custom_domain
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

NO_NAMES = (
    *("", "evil.com/../", "a.com:443", "a.com#@b.com", "[::1]", "1.2.3.4", "localhost"),
    *("-a.com", "a-.com", "a..b", ".a.com", "a.com.", "*.a.com", "a_b.com", "a b.com"),
    *("a.com\n", "a\0.com", f"{'x' * 64}.com", f"{'x.' * 127}com", "http://a.com", "a.com?x=1"),
    *('a.com") || Host("b.com', "a.com`) || PathPrefix(`/", "{{.}}.com", "0x7f.1", "2130706433"),
)
OTHER_SCRIPTS = (
    *("\uff41.com", "\u0430pple.com", "a\u200db.com", "b\u00fccher.example", "a\u3002com"),
    *("xn--a.com", "xn--.com", "xn--\u0430pple.com", "xn--zwj-.com"),
)
OUR_OWN = (
    *("api.localhost", "API.localhost", "shop.localhost", "nobody.localhost"),
    *("shop--0123abcd.localhost", "a.b.localhost"),
)


_numbers = count(1)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance.empty()


@pytest.fixture(scope="module")
def app(instance: Instance) -> Litestar:
    return create_app(instance.application)


@pytest.fixture
async def ann(app: Litestar) -> Person:
    return await somebody(app)


@pytest.fixture
async def bob(app: Litestar) -> Person:
    return await somebody(app)


@pytest.fixture
async def shop(instance: Instance, ann: Person) -> dict[str, Any]:
    """Return a project that serves."""
    project = await ann.project()
    await ann.deployment(project["id"])
    await instance.serve()
    return project


@pytest.fixture
def name() -> str:
    """Return a domain that nobody has claimed."""
    return f"shop{next(_numbers)}.example.com"


async def claimed(person: Person, project: dict[str, Any], name: str) -> dict[str, Any]:
    """Claim a domain for a project."""
    answer = await person.post("/domains", {"project_id": project["id"], "domain": name})
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def publish(instance: Instance, *claims: dict[str, Any]) -> None:
    """Publish the records of claims of the same domain."""
    proofs = [claim["verification"] for claim in claims]
    values = tuple(proof["value"] for proof in proofs)
    instance.world.resolver.records[proofs[0]["name"], "TXT"] = values


async def routes_of(instance: Instance) -> list[Route]:
    """Return what a router would be given now."""
    apis = (Upstream(host="127.0.0.1", port=8080),)
    routing = Routing(instance.world.storage, MemoryRouter(), Addresses(), apis)
    return list((await routing.newest()).routes)


async def hosts_of(instance: Instance) -> set[str]:
    """Return for which names a router would answer, or obtain certificates, now."""
    routes = await routes_of(instance)
    return {h for r in routes for h in (*r.hosts, *r.wants_certificates, *r.has_certificates)}


@pytest.mark.parametrize("odd", [*NO_NAMES, *OTHER_SCRIPTS, *OUR_OWN])
async def test_what_is_no_name_of_theirs_cannot_be_claimed(ann: Person, odd: str) -> None:
    """The field is named, no more than 100 characters are repeated, and nothing is kept."""
    project = await ann.project()

    answer = await ann.post("/domains", {"project_id": project["id"], "domain": odd})

    assert 400 == answer.status_code
    assert ["domain"] == wrong_fields(answer)
    assert odd[:101] not in answer.text or len(odd) <= 100
    assert {"data": []} == (await ann.get("/domains")).json()


@pytest.mark.parametrize("odd", ["xn--bcher-kva.example", "1.example", "a--b.example"])
async def test_names_in_other_scripts_come_as_ascii(ann: Person, odd: str) -> None:
    """What is a host name is one, however odd it looks."""
    assert odd == (await claimed(ann, await ann.project(), odd))["domain"]


@pytest.mark.parametrize("text", ["", "another", "prove-it"])
async def test_a_claim_is_not_routed_before_its_own_proof(
    instance: Instance, ann: Person, shop: dict[str, Any], name: str, text: str
) -> None:
    """Nor is a certificate obtained for it, whatever else is published there."""
    claim = await claimed(ann, shop, name)
    instance.world.resolver.records[claim["verification"]["name"], "TXT"] = (text,)

    looked = await ann.post(f"/domains/{claim['id']}/verify")

    assert (200, False) == (looked.status_code, looked.json()["verified"])
    assert f"{shop['slug']}.localhost" in await hosts_of(instance)
    assert name not in await hosts_of(instance)


async def test_a_proof_is_for_one_claim_alone(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    """The record that somebody else has published proves nothing of one's own."""
    hers, his = await claimed(ann, shop, name), await claimed(bob, await bob.project(), name)
    publish(instance, hers)

    looked = await bob.post(f"/domains/{his['id']}/verify")

    assert (200, False) == (looked.status_code, looked.json()["verified"])
    assert hers["verification"]["value"] != his["verification"]["value"]


async def test_what_is_proven_is_nobody_else_s(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    """Neither a new claim nor an old one comes to anything."""
    hers, his = await claimed(ann, shop, name), await claimed(bob, await bob.project(), name)
    publish(instance, hers, his)
    await ann.post(f"/domains/{hers['id']}/verify")

    late = await bob.post(f"/domains/{his['id']}/verify")
    body = {"project_id": (await bob.project("other"))["id"], "domain": name.upper()}
    new = await bob.post("/domains", body)

    assert [409, 409] == [late.status_code, new.status_code]
    (route,) = [route for route in await routes_of(instance) if name in route.hosts]
    assert f"project-{shop['slug']}" == route.name


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_of_claims_that_race_one_has_the_domain(
    instance: Instance, app: Litestar, name: str, order: tuple[int, ...]
) -> None:
    """Whoever is first, and however close the others are."""
    claims = []
    for _ in order:
        person = await somebody(app)
        claims.append((person, await claimed(person, await person.project(), name)))
    publish(instance, *(claim for _, claim in claims))
    statuses: list[int] = []

    async def verify(person: Person, claim: dict[str, Any]) -> None:
        statuses.append((await person.post(f"/domains/{claim['id']}/verify")).status_code)

    async with create_task_group() as racing:
        for number in order:
            racing.start_soon(verify, *claims[number])

    async with instance.world.storage.snapshot() as uow:
        domains = await uow.custom_domains.visible_to(PLATFORM).all()
    assert [200, 409, 409] == sorted(statuses)
    assert 1 == sum(domain.is_verified for domain in domains if domain.domain == name)


async def test_a_removed_domain_is_out_of_the_next_table_and_free(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    """Another project claims and proves it as if nobody ever had."""
    hers = await claimed(ann, shop, name)
    publish(instance, hers)
    await ann.post(f"/domains/{hers['id']}/verify")
    before = await hosts_of(instance)

    await ann.ask("DELETE", f"/domains/{hers['id']}")
    after = await hosts_of(instance)
    his = await claimed(bob, await bob.project(), name)
    publish(instance, his)
    proven = await bob.post(f"/domains/{his['id']}/verify")

    assert {name} == before - after
    assert "verified" == proven.json()["status"]


@pytest.mark.parametrize("odd", [*NO_NAMES, *OTHER_SCRIPTS, *OUR_OWN, "Shop.Example.COM"])
async def test_a_planted_name_is_not_routed(
    instance: Instance, shop: dict[str, Any], odd: str
) -> None:
    """Though its row says that it is proven: what the API refuses is refused again."""
    right = await hosts_of(instance)
    await plant(instance, shop, domain=odd, verified_at=NOON, ssl_enabled=True)

    assert right == await hosts_of(instance)


async def test_a_planted_claim_is_not_routed(
    instance: Instance, shop: dict[str, Any], name: str
) -> None:
    """What says of itself that it has a certificate has to be proven all the same."""
    await plant(instance, shop, domain=name, ssl_enabled=True)

    assert name not in await hosts_of(instance)


async def plant(instance: Instance, project: dict[str, Any], **fields: Any) -> None:
    """Put a domain into the database, past all that would have refused it."""
    async with instance.world.storage.snapshot() as uow:
        kept = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project["id"])))
    await keep(instance.world.storage, a_custom_domain(kept, **fields))
