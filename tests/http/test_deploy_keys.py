"""Deploy keys over HTTP: made and rotated, shown by their public half, taken away."""

import pytest
from tests.http.clients import Person

pytestmark = pytest.mark.anyio

FIELDS = ["project_id", "public_key", "fingerprint", "created_at"]


async def test_a_key_is_made_shown_and_rotated(ann: Person) -> None:
    """No answer has more of it than what the forge is given."""
    project = await ann.project()
    path = f"/projects/{project['id']}/deploy-key"

    made = await ann.post(path)
    shown = await ann.get(path)
    rotated = await ann.post(path)

    assert (201, 200, 201) == (made.status_code, shown.status_code, rotated.status_code)
    assert FIELDS == list(made.json())
    assert made.json() == shown.json()
    assert project["id"] == made.json()["project_id"]
    assert made.json()["public_key"].startswith("ssh-ed25519 ")
    assert made.json()["public_key"] != rotated.json()["public_key"]
    assert rotated.json() == (await ann.get(path)).json()


async def test_a_project_says_whether_it_has_a_key(ann: Person) -> None:
    """So that nobody has to ask for one that is not there."""
    project, other = await ann.project("shop"), await ann.project("blog")

    await ann.post(f"/projects/{project['id']}/deploy-key")

    listed = (await ann.get("/projects")).json()["data"]
    assert not other["has_deploy_key"]
    assert {project["id"]: True, other["id"]: False} == {
        each["id"]: each["has_deploy_key"] for each in listed
    }


async def test_a_key_is_taken_away(ann: Person) -> None:
    """Then there is none to show or to take away."""
    path = f"/projects/{(await ann.project())['id']}/deploy-key"
    await ann.post(path)

    answer = await ann.ask("DELETE", path)

    assert (200, {"message": "The deploy key was removed."}) == (answer.status_code, answer.json())
    for method in ("GET", "DELETE"):
        missing = await ann.ask(method, path)
        assert (404, "There is no such deploy key.") == (
            missing.status_code,
            missing.json()["error"],
        )
