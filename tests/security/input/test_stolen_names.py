"""Only verified domains are routed, whatever the API accepts or the database contains."""

from itertools import count
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from tests.http.clients import Person, refused_fields, register_user, statuses_of
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.router import Route, Upstream
from pushpaka_core.services.routing.routes import RoutePublisher
from pushpaka_core.testing.objects.projects import a_custom_domain
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.stored_objects import store
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
    return await register_user(app)


@pytest.fixture
async def bob(app: Litestar) -> Person:
    return await register_user(app)


@pytest.fixture
async def shop(instance: Instance, ann: Person) -> dict[str, Any]:
    """Return a project with an active deployment."""
    project = await ann.project()
    await ann.deployment(project["id"])
    await instance.serve()
    return project


@pytest.fixture
def name() -> str:
    """Return a domain that no other test uses."""
    return f"shop{next(_numbers)}.example.com"


async def claim_domain(person: Person, project: dict[str, Any], name: str) -> dict[str, Any]:
    """Add a domain to a project without verifying it, and return the domain."""
    answer = await person.post("/domains", {"project_id": project["id"], "domain": name})
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def publish_records(instance: Instance, *claims: dict[str, Any]) -> None:
    """Publish the DNS records that verify *claims*, which are all for the same domain."""
    proofs = [claim["verification"] for claim in claims]
    values = tuple(proof["value"] for proof in proofs)
    instance.services.resolver.records[proofs[0]["name"], "TXT"] = values


async def routes_of(instance: Instance) -> list[Route]:
    """Return the routes of all applications."""
    apis = (Upstream(host="127.0.0.1", port=8080),)
    route_publisher = RoutePublisher(instance.services.storage, MemoryRouter(), PublicUrls(), apis)
    return list((await route_publisher.current_table()).routes)


async def hosts_of(instance: Instance) -> set[str]:
    """Return the host names that a router would serve or obtain certificates for."""
    routes = await routes_of(instance)
    return {h for r in routes for h in (*r.hosts, *r.certificate_hosts, *r.https_hosts)}


@pytest.mark.parametrize("invalid_name", [*NO_NAMES, *OTHER_SCRIPTS, *OUR_OWN])
async def test_names_that_are_not_public_domains_are_refused(
    ann: Person, invalid_name: str
) -> None:
    """The error repeats at most 100 characters of the name, and no domain is added."""
    project = await ann.project()

    answer = await ann.post("/domains", {"project_id": project["id"], "domain": invalid_name})

    assert {"domain"} == refused_fields(answer)
    assert invalid_name[:101] not in answer.text or len(invalid_name) <= 100
    assert {"data": []} == (await ann.get("/domains")).json()


@pytest.mark.parametrize("text", ["", "another", "prove-it"])
async def test_an_unverified_domain_is_not_routed(
    instance: Instance, ann: Person, shop: dict[str, Any], name: str, text: str
) -> None:
    """Without its TXT record, a domain is neither routed nor given a certificate."""
    claim = await claim_domain(ann, shop, name)
    instance.services.resolver.records[claim["verification"]["name"], "TXT"] = (text,)

    looked = await ann.post(f"/domains/{claim['id']}/verify")

    assert (200, False) == (looked.status_code, looked.json()["verified"])
    assert f"{shop['slug']}.localhost" in await hosts_of(instance)
    assert name not in await hosts_of(instance)


async def test_record_of_another_user_does_not_verify_a_domain(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    hers, his = (
        await claim_domain(ann, shop, name),
        await claim_domain(bob, await bob.project(), name),
    )
    publish_records(instance, hers)

    looked = await bob.post(f"/domains/{his['id']}/verify")

    assert (200, False) == (looked.status_code, looked.json()["verified"])
    assert hers["verification"]["value"] != his["verification"]["value"]


async def test_a_verified_domain_cannot_be_taken(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    """Neither a new claim nor an older one can take over a domain that is verified."""
    hers, his = (
        await claim_domain(ann, shop, name),
        await claim_domain(bob, await bob.project(), name),
    )
    publish_records(instance, hers, his)
    await ann.post(f"/domains/{hers['id']}/verify")

    late = await bob.post(f"/domains/{his['id']}/verify")
    body = {"project_id": (await bob.project("other"))["id"], "domain": name.upper()}
    new = await bob.post("/domains", body)

    assert [409, 409] == statuses_of(late, new)
    (route,) = [route for route in await routes_of(instance) if name in route.hosts]
    assert f"project-{shop['slug']}" == route.name


async def test_a_removed_domain_is_not_routed_and_can_be_added_by_others(
    instance: Instance, ann: Person, bob: Person, shop: dict[str, Any], name: str
) -> None:
    hers = await claim_domain(ann, shop, name)
    publish_records(instance, hers)
    await ann.post(f"/domains/{hers['id']}/verify")
    before = await hosts_of(instance)

    await ann.ask("DELETE", f"/domains/{hers['id']}")
    after = await hosts_of(instance)
    his = await claim_domain(bob, await bob.project(), name)
    publish_records(instance, his)
    proven = await bob.post(f"/domains/{his['id']}/verify")

    assert {name} == before - after
    assert "verified" == proven.json()["status"]


@pytest.mark.parametrize("invalid_name", [*NO_NAMES, *OTHER_SCRIPTS, *OUR_OWN, "Shop.Example.COM"])
async def test_an_invalid_name_in_the_database_is_not_routed(
    instance: Instance, shop: dict[str, Any], invalid_name: str
) -> None:
    right = await hosts_of(instance)
    await insert_domain(instance, shop, domain=invalid_name, verified_at=NOON, ssl_enabled=True)

    assert right == await hosts_of(instance)


async def test_a_certificate_in_the_database_does_not_verify_a_domain(
    instance: Instance, shop: dict[str, Any], name: str
) -> None:
    await insert_domain(instance, shop, domain=name, ssl_enabled=True)

    assert name not in await hosts_of(instance)


async def insert_domain(instance: Instance, project: dict[str, Any], **fields: Any) -> None:
    """Insert a domain into the database directly, without validation."""
    async with instance.services.storage.snapshot() as uow:
        kept = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project["id"])))
    await store(instance.services.storage, a_custom_domain(kept, **fields))
