"""Custom domains, and the audit log."""

import pytest
from tests.http.clients import Person, statuses_of
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "project_id", "user_id", "domain", "verified", "ssl_enabled", "verification",
    "created_at", "updated_at", "status", "reason", "checked_at", "expires_at", "dns_ok",
    "dns_expected", "dns_actual",
]  # fmt: skip


async def test_a_domain_is_added_with_a_record_to_publish(ann: Person) -> None:
    project = await ann.project()

    answer = await ann.post(
        "/domains", {"project_id": project["id"], "domain": "App.YourDomain.com"}
    )

    domain = answer.json()
    expected = {"domain": "app.yourdomain.com", "verified": False, "ssl_enabled": False}
    assert (201, FIELDS) == (answer.status_code, list(domain))
    assert expected.items() <= domain.items()
    assert ["type", "name", "value"] == list(domain["verification"])
    assert "TXT" == domain["verification"]["type"]
    assert {"data": [domain]} == (await ann.get("/domains")).json()


async def test_a_domain_is_verified_on_request(instance: Instance, ann: Person) -> None:
    """Until the TXT record is found, the response says which record is missing."""
    project = await ann.project()
    body = {"project_id": project["id"], "domain": "app.example.com"}
    domain = (await ann.post("/domains", body)).json()
    proof = domain["verification"]

    early = await ann.post(f"/domains/{domain['id']}/verify")
    instance.services.resolver.records[proof["name"], "TXT"] = (proof["value"],)
    instance.services.resolver.records["app.example.com", "A"] = ("192.0.2.1",)
    verified = await ann.post(f"/domains/{domain['id']}/verify")

    assert [200, 200] == statuses_of(early, verified)
    assert ("pending", False) == (early.json()["status"], early.json()["verified"])
    assert f"The TXT record {proof['name']} was not found." == early.json()["reason"]
    assert early.json()["expires_at"] > early.json()["checked_at"]
    assert ("verified", True, None, None) == tuple(
        verified.json()[name] for name in ("status", "verified", "reason", "expires_at")
    )
    assert {
        "dns_ok": False,
        "dns_expected": {"cname": "shop.localhost", "addresses": []},
        "dns_actual": {"cname": None, "addresses": ["192.0.2.1"]},
    }.items() <= verified.json().items()


async def test_the_audit_log_shows_own_entries(ann: Person, bob: Person) -> None:
    """The newest entry comes first. Only administrators see the entries of other users."""
    project = await ann.project("shop")

    body = (await ann.get("/audit?limit=1")).json()
    others = await bob.get("/audit")

    (entry,) = body["data"]
    assert (["data", "total", "limit", "offset"], 2) == (list(body), body["total"])
    assert ["id", "user_id", "action", "subject_id", "detail", "created_at"] == list(entry)
    assert ("project.created", project["id"], "shop", ann.user["id"]) == (
        entry["action"],
        entry["subject_id"],
        entry["detail"],
        entry["user_id"],
    )
    assert ["user.registered"] == [entry["action"] for entry in others.json()["data"]]
