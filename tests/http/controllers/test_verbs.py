"""Rollback, redeployment, promotion, restart, stop and start of deployments."""

from typing import Any

import pytest
from tests.http.clients import Person
from tests.http.controllers.test_deployments import FIELDS
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio


async def post(person: Person, verb: str, deployment: dict[str, Any], **more: Any) -> Any:
    if verb == "start":
        return await person.post(f"/projects/{deployment['project_id']}/start", **more)
    return await person.post(f"/deployments/{deployment['id']}/{verb}", **more)


@pytest.fixture
async def running(ann: Person, instance: Instance) -> dict[str, Any]:
    """Return a running production deployment."""
    deployment = await ann.deployment()
    await instance.serve()
    return dict((await ann.get(f"/deployments/{deployment['id']}")).json())


@pytest.fixture
async def preview(ann: Person, instance: Instance, running: dict[str, Any]) -> dict[str, Any]:
    """Return a running preview of the project that `running` belongs to."""
    body = {"project_id": running["project_id"], "target": "preview:next", "branch": "next"}
    deployment = (await ann.post("/deployments", body)).json()
    await instance.serve()
    return dict((await ann.get(f"/deployments/{deployment['id']}")).json())


@pytest.mark.parametrize(
    ("verb", "status"), [("rollback", 201), ("redeploy", 201), ("promote", 201), ("start", 200)]
)
async def test_a_verb_queues_a_deployment_of_the_same_release(
    ann: Person, running: dict[str, Any], preview: dict[str, Any], verb: str, status: int
) -> None:
    """A repeated Idempotency-Key returns the same deployment, and fails for another operation."""
    source, headers = (preview if verb == "promote" else running), {"Idempotency-Key": "k"}
    if verb == "start":
        await post(ann, "stop", running)

    first = await post(ann, verb, source, headers=headers)
    again = await post(ann, verb, source, headers=headers)
    other_verb = "redeploy" if verb == "rollback" else "rollback"
    other = await post(ann, other_verb, source, headers=headers)

    queued = first.json()
    expected = {
        "kind": "redeploy" if verb == "start" else verb,
        "status": "queued",
        "target": "production",
        "source_deployment_id": source["id"],
        "branch": source["branch"],
        "commit_sha": source["commit_sha"],
    }
    assert (status, FIELDS) == (first.status_code, list(queued))
    assert expected.items() <= queued.items()
    assert source["id"] != queued["id"]
    assert (status, queued) == (again.status_code, again.json())
    assert (409, "conflict") == (other.status_code, other.json()["code"])


async def test_restart_returns_the_running_deployment(ann: Person, running: dict[str, Any]) -> None:
    answer = await post(ann, "restart", running)

    (*_, last) = (await ann.get(f"/deployments/{running['id']}/events")).json()["data"]
    assert (200, running) == (answer.status_code, answer.json())
    assert "A restart was requested" == last["cause"]
    assert ann.user["id"] == last["user_id"]
