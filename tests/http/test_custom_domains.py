"""Custom domains, and the audit trail that tells of them."""

import pytest
from tests.http.clients import Person
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = [
    "id",
    "project_id",
    "user_id",
    "domain",
    "verified",
    "ssl_enabled",
    "verification",
    "created_at",
    "updated_at",
    "status",
    "reason",
    "checked_at",
    "expires_at",
    "reachability",
]


async def test_a_domain_is_claimed_with_a_record_to_publish(ann: Person) -> None:
    """The answer tells which TXT record proves who owns the domain."""
    project = await ann.project()

    answer = await ann.post(
        "/domains", {"project_id": project["id"], "domain": "App.YourDomain.com"}
    )

    domain = answer.json()
    assert 201 == answer.status_code
    assert FIELDS == list(domain)
    assert ["type", "name", "value"] == list(domain["verification"])
    assert ("app.yourdomain.com", False, False) == (
        domain["domain"],
        domain["verified"],
        domain["ssl_enabled"],
    )
    assert "TXT" == domain["verification"]["type"]
    assert {"data": [domain]} == (await ann.get("/domains")).json()


async def test_a_claim_is_verified_on_request(instance: Instance, ann: Person) -> None:
    """The answer tells what is missing, and once nothing is, that the domain is proven."""
    project = await ann.project()
    body = {"project_id": project["id"], "domain": "app.example.com"}
    domain = (await ann.post("/domains", body)).json()
    proof = domain["verification"]

    early = await ann.post(f"/domains/{domain['id']}/verify")
    instance.world.resolver.records[proof["name"], "TXT"] = (proof["value"],)
    instance.world.resolver.records["app.example.com", "A"] = ("192.0.2.1",)
    verified = await ann.post(f"/domains/{domain['id']}/verify")

    assert (200, 200) == (early.status_code, verified.status_code)
    assert ("pending", False) == (early.json()["status"], early.json()["verified"])
    assert f"The TXT record {proof['name']} was not found." == early.json()["reason"]
    assert early.json()["expires_at"] > early.json()["checked_at"]
    assert ("verified", True, None, None) == tuple(
        verified.json()[name] for name in ("status", "verified", "reason", "expires_at")
    )
    assert {
        "reached": False,
        "seen": {"cname": None, "addresses": ["192.0.2.1"]},
        "expected": {"cname": "shop.localhost", "addresses": []},
    } == verified.json()["reachability"]


async def test_a_domain_that_is_another_s_is_a_conflict(
    instance: Instance, ann: Person, bob: Person
) -> None:
    """Whoever proves it first has it."""
    claims = []
    for person in (ann, bob):
        body = {"project_id": (await person.project())["id"], "domain": "app.example.com"}
        claims.append((await person.post("/domains", body)).json())
    proof = claims[0]["verification"]["name"], "TXT"
    instance.world.resolver.records[proof] = tuple(c["verification"]["value"] for c in claims)

    first = await ann.post(f"/domains/{claims[0]['id']}/verify")
    second = await bob.post(f"/domains/{claims[1]['id']}/verify")

    assert (200, 409) == (first.status_code, second.status_code)


@pytest.mark.parametrize(
    "domain",
    [
        "evil.com/../",
        "a.com:443",
        "1.2.3.4",
        "localhost",
        "*.a.com",
        "a_b.com",
        "x.localhost",
        "\uff41.com",
    ],
)
async def test_what_is_no_public_domain_is_refused(ann: Person, domain: str) -> None:
    """Only a fully qualified ASCII name that is not the platform's can be claimed."""
    project = await ann.project()

    answer = await ann.post("/domains", {"project_id": project["id"], "domain": domain})

    assert 400 == answer.status_code
    assert ["domain"] == [problem["field"] for problem in answer.json()["details"]]


async def test_the_platforms_own_name_is_told_with_what_else_is_wrong(ann: Person) -> None:
    """What only this instance knows comes in the same answer."""
    answer = await ann.post("/domains", {"project_id": "x", "domain": "api.localhost"})

    told = {problem["field"]: problem["message"] for problem in answer.json()["details"]}
    assert {"project_id", "domain"} == told.keys()
    assert "must not be an address of this platform" == told["domain"]


async def test_a_domain_is_given_up(ann: Person) -> None:
    """A removed domain is gone, and may be claimed again."""
    project = await ann.project()
    body = {"project_id": project["id"], "domain": "app.example.com"}
    domain = (await ann.post("/domains", body)).json()
    taken = await ann.post("/domains", body)

    answer = await ann.ask("DELETE", f"/domains/{domain['id']}")

    assert 409 == taken.status_code
    assert (200, {"message": "The domain was removed."}) == (answer.status_code, answer.json())
    assert {"data": []} == (await ann.get("/domains")).json()
    assert 201 == (await ann.post("/domains", body)).status_code


async def test_the_audit_trail_shows_own_entries(ann: Person, bob: Person) -> None:
    """Who is no administrator sees what they did themselves, the newest first."""
    project = await ann.project("shop")

    answer = await ann.get("/audit?limit=1")
    others = await bob.get("/audit")

    body = answer.json()
    (entry,) = body["data"]
    assert ["data", "total", "limit", "offset"] == list(body)
    assert ["id", "user_id", "action", "subject_id", "detail", "created_at"] == list(entry)
    assert ("project.created", project["id"], "shop", ann.user["id"]) == (
        entry["action"],
        entry["subject_id"],
        entry["detail"],
        entry["user_id"],
    )
    assert 2 == body["total"]
    assert ["user.registered"] == [entry["action"] for entry in others.json()["data"]]
