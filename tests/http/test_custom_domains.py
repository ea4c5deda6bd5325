"""Custom domains, and the audit trail that tells of them."""

import pytest
from tests.http.clients import Person

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
