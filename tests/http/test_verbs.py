"""Redeploy, promote, restart, stop and start, as they are asked for and answered."""

from typing import Any

import pytest
from tests.http.clients import NOBODY, Person
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

VERBS = ("redeploy", "promote", "restart", "stop", "cancel", "rollback")


async def ask(person: Person, verb: str, deployment: dict[str, Any], **more: Any) -> Any:
    """Ask for a verb of a deployment."""
    return await person.post(f"/deployments/{deployment['id']}/{verb}", **more)


@pytest.fixture
async def running(ann: Person, instance: Instance) -> dict[str, Any]:
    """Return a deployment of production that runs."""
    deployment = await ann.deployment()
    await instance.serve()
    return dict((await ann.get(f"/deployments/{deployment['id']}")).json())


@pytest.fixture
async def preview(ann: Person, instance: Instance, running: dict[str, Any]) -> dict[str, Any]:
    """Return a preview of the same project that runs."""
    body = {"project_id": running["project_id"], "target": "preview:next", "branch": "next"}
    deployment = (await ann.post("/deployments", body)).json()
    await instance.serve()
    return dict((await ann.get(f"/deployments/{deployment['id']}")).json())


async def test_redeploy_makes_a_deployment(ann: Person, running: dict[str, Any]) -> None:
    """201 with a new one that waits and names what it serves again."""
    answer = await ask(ann, "redeploy", running)

    queued = answer.json()
    assert 201 == answer.status_code
    assert ("redeploy", "queued", "production", running["id"], running["commit_sha"]) == (
        queued["kind"],
        queued["status"],
        queued["target"],
        queued["source_deployment_id"],
        queued["commit_sha"],
    )
    assert list(running) == list(queued)
    assert running["id"] != queued["id"]


async def test_promote_makes_one_for_production(ann: Person, preview: dict[str, Any]) -> None:
    """201 with a deployment of production that names the preview."""
    answer = await ask(ann, "promote", preview)

    queued = answer.json()
    assert 201 == answer.status_code
    assert ("promote", "queued", "production", preview["id"], "next") == (
        queued["kind"],
        queued["status"],
        queued["target"],
        queued["source_deployment_id"],
        queued["branch"],
    )


async def test_restart_answers_the_same_deployment(ann: Person, running: dict[str, Any]) -> None:
    """200 with the row that runs, and its timeline says who asked."""
    answer = await ask(ann, "restart", running)

    (*_, last) = (await ann.get(f"/deployments/{running['id']}/events")).json()["data"]
    assert (200, running) == (answer.status_code, answer.json())
    assert "A restart was asked for" == last["cause"]
    assert ann.user["id"] in last.values()


async def test_stop_answers_the_same_deployment(ann: Person, running: dict[str, Any]) -> None:
    """200 at once: the reconciler ends what runs."""
    answer = await ask(ann, "stop", running)

    assert (200, running["id"]) == (answer.status_code, answer.json()["id"])


async def test_start_makes_a_deployment(ann: Person, running: dict[str, Any]) -> None:
    """200 with a new one that serves what was stopped."""
    await ask(ann, "stop", running)

    answer = await ann.post(f"/projects/{running['project_id']}/start")

    queued = answer.json()
    assert 200 == answer.status_code
    assert ("redeploy", "queued", "production", running["id"]) == (
        queued["kind"],
        queued["status"],
        queued["target"],
        queued["source_deployment_id"],
    )


@pytest.mark.parametrize("verb", ["redeploy", "promote"])
async def test_the_same_key_gives_the_same_deployment(
    ann: Person, running: dict[str, Any], preview: dict[str, Any], verb: str
) -> None:
    """A client that repeats a request with its key repeats nothing else."""
    source, headers = (preview if verb == "promote" else running), {"Idempotency-Key": "k"}

    first = await ask(ann, verb, source, headers=headers)
    again = await ask(ann, verb, source, headers=headers)
    other = await ask(ann, "rollback", source, headers=headers)

    assert (201, first.json()) == (again.status_code, again.json())
    assert (409, "conflict") == (other.status_code, other.json()["code"])


async def test_a_start_takes_a_key_too(ann: Person, running: dict[str, Any]) -> None:
    """It makes a deployment, and makes one only."""
    await ask(ann, "stop", running)
    path, headers = f"/projects/{running['project_id']}/start", {"Idempotency-Key": "k"}

    first = await ann.post(path, headers=headers)
    again = await ann.post(path, headers=headers)

    assert (200, first.json()) == (again.status_code, again.json())


@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_others_does_not_exist(
    bob: Person, preview: dict[str, Any], verb: str
) -> None:
    """A foreign deployment is answered like one that there is not."""
    foreign = await ask(bob, verb, preview)
    missing = await ask(bob, verb, {"id": NOBODY})

    assert [404, 404] == [foreign.status_code, missing.status_code]
    assert _without_id(missing.json()) == _without_id(foreign.json())


async def test_projects_of_others_cannot_be_started(bob: Person, running: dict[str, Any]) -> None:
    """A foreign project is answered like one that there is not."""
    foreign = await bob.post(f"/projects/{running['project_id']}/start")
    missing = await bob.post(f"/projects/{NOBODY}/start")

    assert [404, 404] == [foreign.status_code, missing.status_code]
    assert _without_id(missing.json()) == _without_id(foreign.json())


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("redeploy", "Only the current deployment can be redeployed."),
        ("promote", "Only a preview can be promoted; this is production's own."),
        ("restart", "Only what runs can be restarted: the deployment is queued."),
        ("stop", "Only what runs can be stopped: the deployment is queued."),
    ],
)
async def test_a_conflict_says_why(ann: Person, verb: str, error: str) -> None:
    """409 with a sentence for a person, and nothing has happened."""
    waiting = await ann.deployment()

    answer = await ask(ann, verb, waiting)

    body = answer.json()
    assert 409 == answer.status_code
    assert ["error", "code", "request_id"] == list(body)
    assert "conflict" == body["code"]
    assert body["error"].startswith(error)
    assert waiting == (await ann.get(f"/deployments/{waiting['id']}")).json()


async def test_a_start_of_what_is_not_stopped_says_so(ann: Person, running: dict[str, Any]) -> None:
    """409 with what to do instead."""
    answer = await ann.post(f"/projects/{running['project_id']}/start")

    assert 409 == answer.status_code
    assert "The project is not stopped. Deploy it, or restart what runs." == answer.json()["error"]


@pytest.mark.parametrize("verb", ["restart", "stop"])
async def test_what_is_being_stopped_is_left_alone(
    ann: Person, running: dict[str, Any], verb: str
) -> None:
    """Whoever comes second hears that somebody else was first."""
    await ask(ann, "stop", running)

    answer = await ask(ann, verb, running)

    assert 409 == answer.status_code
    assert "it has been replaced, or is being stopped" in answer.json()["error"]


def _without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "request_id"}
