"""Notification channels over HTTP: made, listed and taken away, their addresses never shown."""

import pytest
from tests.http.clients import Person

pytestmark = pytest.mark.anyio

FIELDS = [
    "id",
    "project_id",
    "service",
    "secret",
    "success",
    "failure",
    "crash",
    "created_at",
]


async def test_a_channel_is_made_listed_and_taken_away(ann: Person) -> None:
    """The secret of a webhook is in one answer, its address in none."""
    project = await ann.project()
    body = {"project_id": project["id"], "url": "https://hooks.example.com/x", "success": False}

    made = await ann.post("/notifications", body)
    listed = (await ann.get("/notifications")).json()
    removed = await ann.ask("DELETE", f"/notifications/{made.json()['id']}")

    channel = made.json()
    assert (201, FIELDS) == (made.status_code, list(channel))
    assert ("https", False, True) == (channel["service"], channel["success"], channel["crash"])
    assert channel["secret"].startswith("whsec_")
    assert {"data": [channel | {"secret": None}]} == listed
    assert "hooks.example.com" not in made.text + str(listed)
    assert (200, {"message": "The notification channel was removed."}) == (
        removed.status_code,
        removed.json(),
    )
    assert {"data": []} == (await ann.get("/notifications")).json()


@pytest.mark.parametrize("url", ["hooks.example.com", "https://user:secret@example.com"])
async def test_a_wrong_address_is_named_but_not_repeated(ann: Person, url: str) -> None:
    """It may hold a secret all the same."""
    project = await ann.project()

    answer = await ann.post("/notifications", {"project_id": project["id"], "url": url})

    assert 400 == answer.status_code
    assert ["url"] == [problem["field"] for problem in answer.json()["details"]]
    assert url not in answer.text
