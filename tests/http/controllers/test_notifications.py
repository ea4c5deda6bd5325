"""Notification channels, whose URLs are never shown."""

import pytest
from tests.http.clients import Person

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "project_id", "service", "secret", "events", "last_delivered_at", "last_error",
    "created_at",
]  # fmt: skip


async def test_a_channel_is_created_listed_and_removed(ann: Person) -> None:
    """The secret that signs requests is shown when the channel is created, and never again."""
    project = await ann.project()
    body = {"project_id": project["id"], "url": "https://hooks.example.com/x"}

    created = await ann.post("/notifications", body | {"events": ["failure", "crash"]})
    listed = (await ann.get("/notifications")).json()
    removed = await ann.ask("DELETE", f"/notifications/{created.json()['id']}")

    channel = created.json()
    message = {"message": "The notification channel was removed."}
    assert (201, FIELDS) == (created.status_code, list(channel))
    assert ("https", ["failure", "crash"]) == (channel["service"], channel["events"])
    assert channel["secret"].startswith("whsec_")
    assert {"data": [channel | {"secret": None}]} == listed
    assert "hooks.example.com" not in created.text + str(listed)
    assert (200, message) == (removed.status_code, removed.json())
    assert {"data": []} == (await ann.get("/notifications")).json()


async def test_a_channel_is_notified_of_all_events_by_default(ann: Person) -> None:
    project = await ann.project()
    body = {"project_id": project["id"], "url": "https://hooks.example.com/x"}

    created = await ann.post("/notifications", body)

    assert ["success", "failure", "crash"] == created.json()["events"]
