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
    "last_told_at",
    "last_error",
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


async def test_a_test_is_sent_by_a_worker(ann: Person) -> None:
    """The answer does not wait for it; the channel says later how that went."""
    project = await ann.project()
    body = {"project_id": project["id"], "url": "https://hooks.example.com/x"}
    channel = (await ann.post("/notifications", body)).json()

    answer = await ann.post(f"/notifications/{channel['id']}/test")

    assert (200, {"message": "A test is on its way."}) == (answer.status_code, answer.json())
    assert (None, None) == (channel["last_told_at"], channel["last_error"])


async def test_an_address_that_no_service_has_is_refused(ann: Person) -> None:
    """With a sentence that says which form it takes."""
    project = await ann.project()

    answer = await ann.post("/notifications", {"project_id": project["id"], "url": "no://secret"})

    (problem,) = answer.json()["details"]
    assert (400, "url") == (answer.status_code, problem["field"])
    assert "the form that Apprise documents" in problem["message"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("url", ["hooks.example.com", "https://user:secret@example.com"])
async def test_a_wrong_address_is_named_but_not_repeated(ann: Person, url: str) -> None:
    """It may hold a secret all the same."""
    project = await ann.project()

    answer = await ann.post("/notifications", {"project_id": project["id"], "url": url})

    assert 400 == answer.status_code
    assert ["url"] == [problem["field"] for problem in answer.json()["details"]]
    assert url not in answer.text
