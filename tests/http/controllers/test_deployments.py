"""Deployments are created, listed, shown, waited for and canceled."""

from typing import Any
from uuid import UUID

import anyio
import pytest
from attrs import evolve
from tests.http.clients import Person, refused_fields, statuses_of
from tests.http.instances import Instance

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "project_id", "user_id", "target", "kind", "source_deployment_id", "sequence", "branch",
    "commit_sha", "commit_message", "commit_author", "status", "phase", "framework", "image",
    "url", "error", "created_at", "started_at", "finished_at", "stopped_at", "duration_ms",
]  # fmt: skip
EVENT_FIELDS = [
    "id", "deployment_id", "status", "phase", "cause", "user_id", "created_at", "duration_ms",
]  # fmt: skip


async def test_a_request_queues_a_deployment(ann: Person) -> None:
    project = await ann.project()
    body = {"project_id": project["id"], "branch": "main", "commit_sha": "abc1234"}

    answer = await ann.post("/deployments", body)

    deployment = answer.json()
    expected = {"status": "queued", "kind": "deploy", "target": "production", "sequence": 1}
    times = dict.fromkeys(("started_at", "finished_at", "duration_ms"))
    assert (201, FIELDS) == (answer.status_code, list(deployment))
    assert (body | expected | times).items() <= deployment.items()
    assert f"http://shop--{deployment['id'][:8]}.localhost:8000" == deployment["url"]


async def test_the_same_key_gives_the_same_deployment(ann: Person) -> None:
    project, headers = await ann.project(), {"Idempotency-Key": "one"}
    body = {"project_id": project["id"]}

    first = await ann.post("/deployments", body, headers=headers)
    again = await ann.post("/deployments", body, headers=headers)
    other = await ann.post("/deployments", body | {"branch": "x"}, headers=headers)

    assert (201, first.json()) == (again.status_code, again.json())
    assert (409, "conflict") == (other.status_code, other.json()["code"])


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "日本", "a\tb"])
async def test_a_key_has_to_be_short_printable_ascii(ann: Person, key: str) -> None:
    project = await ann.project()

    answer = await ann.post(
        "/deployments",
        {"project_id": project["id"]},
        headers={b"Idempotency-Key": key.encode()},
    )

    message = "must have 1 to 255 printable ASCII characters"
    assert 400 == answer.status_code
    assert [{"field": "Idempotency-Key", "message": message}] == answer.json()["details"]
    assert 0 == (await ann.get("/deployments")).json()["total"]


@pytest.mark.parametrize("key", ["k", "x" * 255, "a b ~ {}"])
async def test_any_printable_key_is_accepted(ann: Person, key: str) -> None:
    body = {"project_id": (await ann.project())["id"]}

    one, same = [
        await ann.post("/deployments", body, headers={"Idempotency-Key": key}) for _ in range(2)
    ]

    assert [201, 201] == statuses_of(one, same)
    assert one.json() == same.json()


async def test_pages_begin_with_the_newest(ann: Person) -> None:
    project = await ann.project()
    ids = [(await ann.deployment(project["id"]))["id"] for _ in range(3)]

    body = (await ann.get("/deployments?limit=2&offset=1")).json()

    assert ["data", "total", "limit", "offset"] == list(body)
    assert (3, 2, 1) == (body["total"], body["limit"], body["offset"])
    assert [ids[1], ids[0]] == [deployment["id"] for deployment in body["data"]]


async def test_deployments_are_filtered(ann: Person, instance: Instance) -> None:
    """Filters can be combined, and the target "preview" matches all previews."""
    shop, blog = await ann.project("shop"), await ann.project("blog")
    failed = await ann.deployment(shop["id"])
    await instance.fail()
    queued = await ann.deployment(blog["id"])
    body = {"project_id": shop["id"], "branch": "next", "target": "preview:next"}
    preview = (await ann.post("/deployments", body)).json()

    async def filtered_ids(query: str) -> list[str]:
        return [each["id"] for each in (await ann.get(f"/deployments?{query}")).json()["data"]]

    assert [preview["id"], failed["id"]] == await filtered_ids(f"project_id={shop['id']}")
    assert [preview["id"], queued["id"]] == await filtered_ids("status=queued")
    assert [queued["id"], failed["id"]] == await filtered_ids("target=production")
    assert (
        [preview["id"]]
        == await filtered_ids("target=preview")
        == await filtered_ids("target=preview:next")
    )
    assert [] == await filtered_ids("target=preview:main")


async def test_all_mistakes_in_a_query_are_named(ann: Person) -> None:
    answer = await ann.get("/deployments?limit=0&status=gone&project_id=1&target=%00&actor=y")

    messages = {problem["field"]: problem["message"] for problem in answer.json()["details"]}
    assert {"limit", "status", "project_id", "target", "actor"} == refused_fields(answer)
    assert "must be a whole number from 1 to 100" == messages["limit"]
    assert messages["status"].startswith("must be one of queued, building,")


@pytest.mark.parametrize("verb", ["rollback", "cancel"])
async def test_fields_are_refused_where_no_body_is_needed(ann: Person, verb: str) -> None:
    """A body with fields would be ignored silently otherwise. An empty object is accepted."""
    deployment = await ann.deployment()

    refused = await ann.post(f"/deployments/{deployment['id']}/{verb}", {"target": "preview:x"})
    accepted = await ann.post(f"/deployments/{deployment['id']}/{verb}", {})

    assert {"target"} == refused_fields(refused)
    assert 400 != accepted.status_code


async def test_a_failed_deployment_has_an_error_and_no_address(
    ann: Person, instance: Instance
) -> None:
    deployment = await ann.deployment()
    await instance.fail()

    shown = (await ann.get(f"/deployments/{deployment['id']}")).json()

    expected = {"status": "failed", "error": "No luck.", "url": None, "duration_ms": 0}
    assert FIELDS == list(shown)
    assert expected.items() <= shown.items()


async def test_without_a_web_process_there_is_no_address(ann: Person, instance: Instance) -> None:
    """A replaced project keeps the address of its web process until the cutover."""
    deployment = await ann.deployment()
    async with instance.services.storage.transaction() as uow:
        id_ = DeploymentId(UUID(deployment["id"]))
        present = await uow.deployments.visible_to(PLATFORM).get(id_)
        await uow.deployments.update(evolve(present, has_web=False))
    before = (await ann.get(f"/projects/{deployment['project_id']}")).json()
    await instance.serve()

    shown = (await ann.get(f"/deployments/{deployment['id']}")).json()
    project = (await ann.get(f"/projects/{deployment['project_id']}")).json()

    assert ("running", None) == (shown["status"], shown["url"])
    assert ("http://shop.localhost:8000", None) == (before["url"], project["url"])


async def test_a_long_poll_returns_when_the_deployment_runs(
    ann: Person, instance: Instance
) -> None:
    deployment = await ann.deployment()
    answers: list[Any] = []

    async def wait() -> None:
        answers.append(await ann.get(f"/deployments/{deployment['id']}?wait=300"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not answers
        await instance.serve()

    assert "running" == answers[0].json()["status"]


async def test_the_timeline_has_each_step(ann: Person, instance: Instance) -> None:
    deployment = await ann.deployment()
    instance.clock.advance(1.5)
    await ann.post(f"/deployments/{deployment['id']}/cancel")

    answer = await ann.get(f"/deployments/{deployment['id']}/events")

    queued, canceled = answer.json()["data"]
    assert EVENT_FIELDS == list(queued)
    assert ("queued", 1500) == (queued["status"], queued["duration_ms"])
    assert ("cancelled", None) == (canceled["status"], canceled["duration_ms"])
    assert ann.user["id"] == canceled["user_id"]
