"""Deployments."""

from typing import Any

import anyio
import pytest
from tests.http.clients import NOBODY, Person
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = [
    "id",
    "project_id",
    "user_id",
    "target",
    "kind",
    "source_deployment_id",
    "sequence",
    "branch",
    "commit_sha",
    "commit_message",
    "commit_author",
    "status",
    "phase",
    "framework",
    "image",
    "url",
    "error",
    "created_at",
    "started_at",
    "finished_at",
    "stopped_at",
    "duration_ms",
]


async def test_the_request_of_the_document_queues_a_deployment(ann: Person) -> None:
    """The answer comes at once, with the contract's fields in their order."""
    project = await ann.project()
    body = {"project_id": project["id"], "branch": "main", "commit_sha": "abc1234"}

    answer = await ann.post("/deployments", body)

    deployment = answer.json()
    assert 201 == answer.status_code
    assert FIELDS == list(deployment)
    assert body.items() <= deployment.items()
    assert ("queued", "deploy", "production", 1) == (
        deployment["status"],
        deployment["kind"],
        deployment["target"],
        deployment["sequence"],
    )
    assert f"http://shop--{deployment['id'][:8]}.localhost:8000" == deployment["url"]
    assert (
        deployment["started_at"] is deployment["finished_at"] is deployment["duration_ms"] is None
    )


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"branch": "main;id"}, {"branch"}),
        ({"commit_sha": "HEAD~1"}, {"commit_sha"}),
        ({"target": "staging"}, {"target"}),
        ({"project_id": "x"}, {"project_id"}),
        ({"project_id": None, "status": "running"}, {"project_id", "status"}),
    ],
)
async def test_a_bad_request_is_told_field_by_field(
    ann: Person, changes: dict[str, Any], fields: set[str]
) -> None:
    """Nothing is queued for what cannot be meant."""
    project = await ann.project()

    answer = await ann.post("/deployments", {"project_id": project["id"], **changes})

    assert 400 == answer.status_code
    assert fields == {problem["field"] for problem in answer.json()["details"]}


async def test_the_same_key_gives_the_same_deployment(ann: Person) -> None:
    """A client that repeats a request with its key repeats nothing else."""
    project, headers = await ann.project(), {"Idempotency-Key": "one"}
    body = {"project_id": project["id"]}

    first = await ann.post("/deployments", body, headers=headers)
    again = await ann.post("/deployments", body, headers=headers)
    other = await ann.post("/deployments", body | {"branch": "x"}, headers=headers)

    assert (201, first.json()) == (again.status_code, again.json())
    assert (409, "conflict") == (other.status_code, other.json()["code"])


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_is_a_short_printable_text(ann: Person, key: str) -> None:
    """An idempotency key that cannot be kept is refused."""
    project = await ann.project()

    answer = await ann.post(
        "/deployments", {"project_id": project["id"]}, headers={"Idempotency-Key": key}
    )

    assert 400 == answer.status_code
    assert 1 == len(answer.json()["details"])


async def test_pages_are_cut_from_the_newest_on(ann: Person) -> None:
    """A page tells its place in the whole."""
    project = await ann.project()
    ids = [(await ann.deployment(project["id"]))["id"] for _ in range(3)]

    answer = await ann.get("/deployments?limit=2&offset=1")

    body = answer.json()
    assert ["data", "total", "limit", "offset"] == list(body)
    assert (3, 2, 1) == (body["total"], body["limit"], body["offset"])
    assert [ids[1], ids[0]] == [deployment["id"] for deployment in body["data"]]


async def test_filters_leave_what_was_asked_for(ann: Person, instance: Instance) -> None:
    """Deployments are found by project, status and target."""
    shop, blog = await ann.project("shop"), await ann.project("blog")
    failed = await ann.deployment(shop["id"])
    await instance.fail()
    waiting = await ann.deployment(blog["id"])

    by_project = await ann.get(f"/deployments?project_id={shop['id']}")
    by_status = await ann.get("/deployments?status=queued")
    by_target = await ann.get("/deployments?target=preview:main")

    assert [failed["id"]] == [d["id"] for d in by_project.json()["data"]]
    assert [waiting["id"]] == [d["id"] for d in by_status.json()["data"]]
    assert 0 == by_target.json()["total"]


async def test_previews_are_found_together(ann: Person) -> None:
    """The target "preview" stands for all previews, whatever their branch."""
    project = await ann.project()
    production = await ann.deployment(project["id"])
    body = {"project_id": project["id"], "branch": "next", "target": "preview:next"}
    preview = (await ann.post("/deployments", body)).json()

    targets = ["preview", "production"]
    found = [(await ann.get(f"/deployments?target={target}")).json()["data"] for target in targets]

    assert [[preview], [production]] == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e9", "limit"),
        ("limit=", "limit"),
        ("limit=5.0", "limit"),
        ("limit=1e1", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=010", "limit"),
        ("limit=5&limit=6", "limit"),
        ("offset=-5", "offset"),
        ("offset=9223372036854775808", "offset"),
        ("offset=1; DROP TABLE", "offset"),
        ("status=gone", "status"),
        ("project_id=1", "project_id"),
        ("target=%00", "target"),
        ("sort=password", "sort"),
    ],
)
async def test_bad_queries_are_refused(ann: Person, query: str, field: str) -> None:
    """A query that is mistyped is told rather than passed over."""
    answer = await ann.get(f"/deployments?{query}")

    assert 400 == answer.status_code
    assert [field] == [problem["field"] for problem in answer.json()["details"]]


async def test_all_that_is_wrong_with_a_query_is_told_at_once(ann: Person) -> None:
    """Each sentence tells what would be right."""
    answer = await ann.get("/deployments?limit=0&status=gone&project_id=1&sort=x&actor=y")

    told = {problem["field"]: problem["message"] for problem in answer.json()["details"]}
    assert 400 == answer.status_code
    assert {"limit", "status", "project_id", "sort", "actor"} == told.keys()
    assert "must be a whole number from 1 to 100" == told["limit"]
    assert told["status"].startswith("must be one of queued, building,")


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "日本", "a\tb"])
async def test_a_key_is_short_printable_ascii(ann: Person, key: str) -> None:
    """Any other Idempotency-Key is refused, and nothing is deployed."""
    project = await ann.project()

    answer = await ann.post(
        "/deployments",
        {"project_id": project["id"]},
        headers={b"Idempotency-Key": key.encode()},
    )

    (problem,) = answer.json()["details"]
    assert 400 == answer.status_code
    assert ("Idempotency-Key", "must have 1 to 255 printable ASCII characters") == (
        problem["field"],
        problem["message"],
    )
    assert 0 == (await ann.get("/deployments")).json()["total"]


@pytest.mark.parametrize("key", ["k", "x" * 255, "a b ~ {}"])
async def test_any_printable_key_is_taken(ann: Person, key: str) -> None:
    """Asked twice under it there is one deployment."""
    body = {"project_id": (await ann.project())["id"]}

    one, same = [
        await ann.post("/deployments", body, headers={"Idempotency-Key": key}) for _ in range(2)
    ]

    assert (201, 201) == (one.status_code, same.status_code)
    assert one.json() == same.json()


@pytest.mark.parametrize("verb", ["rollback", "cancel"])
async def test_a_body_where_none_is_taken_is_not_passed_over(ann: Person, verb: str) -> None:
    """An empty object says nothing; a field in it is a wish that nobody would hear."""
    deployment = await ann.deployment()

    refused = await ann.post(f"/deployments/{deployment['id']}/{verb}", {"target": "preview:x"})
    heard = await ann.post(f"/deployments/{deployment['id']}/{verb}", {})

    assert 400 == refused.status_code
    assert ["target"] == [problem["field"] for problem in refused.json()["details"]]
    assert 400 != heard.status_code


async def test_a_deployment_is_shown_with_what_became_of_it(
    ann: Person, instance: Instance
) -> None:
    """One that failed has its error and its times, and no address."""
    deployment = await ann.deployment()
    await instance.fail()

    shown = (await ann.get(f"/deployments/{deployment['id']}")).json()

    assert FIELDS == list(shown)
    assert ("failed", "No luck.", None, 0) == (
        shown["status"],
        shown["error"],
        shown["url"],
        shown["duration_ms"],
    )


async def test_waiting_ends_with_the_deployment(ann: Person, instance: Instance) -> None:
    """A long poll answers as soon as the deployment runs."""
    deployment = await ann.deployment()
    answers = []

    async def wait() -> None:
        answers.append(await ann.get(f"/deployments/{deployment['id']}?wait=30"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert not answers
            await instance.serve()

    assert "running" == answers[0].json()["status"]


@pytest.mark.parametrize("wait", ["-1", "301", "long"])
async def test_nobody_waits_for_ever(ann: Person, wait: str) -> None:
    """A long poll has a longest time."""
    answer = await ann.get(f"/deployments/{NOBODY}?wait={wait}")

    assert 400 == answer.status_code


async def test_rollback_queues_what_ran_before(ann: Person, instance: Instance) -> None:
    """A rollback is a new deployment of the old one's release."""
    deployment = await ann.deployment()
    await instance.serve()

    answer = await ann.post(f"/deployments/{deployment['id']}/rollback")

    rollback = answer.json()
    assert 201 == answer.status_code
    assert FIELDS == list(rollback)
    assert ("rollback", "queued", deployment["id"]) == (
        rollback["kind"],
        rollback["status"],
        rollback["source_deployment_id"],
    )


async def test_there_is_no_rollback_to_what_never_ran(ann: Person, instance: Instance) -> None:
    """The answer tells why it is not possible."""
    deployment = await ann.deployment()
    await instance.fail()

    answer = await ann.post(f"/deployments/{deployment['id']}/rollback")

    assert (409, "conflict") == (answer.status_code, answer.json()["code"])
    assert "never ran" in answer.json()["error"]


async def test_a_waiting_deployment_is_cancelled_at_once(ann: Person) -> None:
    """Cancelling answers the deployment; a second time it is too late."""
    deployment = await ann.deployment()

    answer = await ann.post(f"/deployments/{deployment['id']}/cancel")
    again = await ann.post(f"/deployments/{deployment['id']}/cancel")

    assert (200, "cancelled") == (answer.status_code, answer.json()["status"])
    assert 409 == again.status_code


async def test_the_timeline_tells_each_step(ann: Person, instance: Instance) -> None:
    """Steps are told with their cause, their person and how long they lasted."""
    deployment = await ann.deployment()
    instance.clock.tick(1.5)
    await ann.post(f"/deployments/{deployment['id']}/cancel")

    answer = await ann.get(f"/deployments/{deployment['id']}/events")

    queued, cancelled = answer.json()["data"]
    fields = [
        "id",
        "deployment_id",
        "status",
        "phase",
        "cause",
        "user_id",
        "created_at",
        "duration_ms",
    ]
    assert fields == list(queued)
    assert ("queued", 1500) == (queued["status"], queued["duration_ms"])
    assert ("cancelled", None) == (cancelled["status"], cancelled["duration_ms"])
    assert ann.user["id"] == cancelled["user_id"]
