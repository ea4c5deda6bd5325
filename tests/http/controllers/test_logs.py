"""Tests of logs over REST and Server-Sent Events."""

import anyio
import httpx
import pytest
from tests.http.clients import UNKNOWN_ID, Person, refused_fields
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = ["id", "deployment_id", "seq", "level", "stream", "phase", "message", "created_at"]


async def test_lines_are_listed_in_order(ann: Person, instance: Instance) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "Build started", "<script>alert(1)</script>")

    answer = await ann.get(f"/logs/{deployment['id']}")

    lines = answer.json()["data"]
    assert (200, ["data"]) == (answer.status_code, list(answer.json()))
    assert FIELDS == list(lines[0])
    assert [1, 2] == [line["seq"] for line in lines]
    assert ["Build started", "<script>alert(1)</script>"] == [line["message"] for line in lines]
    assert "application/json" == answer.headers["Content-Type"]
    assert "nosniff" == answer.headers["X-Content-Type-Options"]


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("after=1", [2, 3]),
        ("limit=1", [1]),
        ("after=1&limit=1", [2]),
        ("q=NULL", [2]),
        ("q=null", [2]),
        ("stream=stderr", []),
        ("level=info&stream=system", [1, 2, 3]),
        ("after=9007199254740991", []),
    ],
)
async def test_lines_are_filtered(
    ann: Person, instance: Instance, query: str, seqs: list[int]
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "null", "three")

    answer = await ann.get(f"/logs/{deployment['id']}?{query}")

    assert seqs == [line["seq"] for line in answer.json()["data"]]


@pytest.mark.parametrize(
    "query",
    [
        *("?limit=0", "?stream=x", "?level=loud", "?q=%00", "?x=1"),
        *("?after=-1", "?after=x", "?after=1.5", "?after=", "?after=9007199254740992"),
        *("/sse?after=-1", "/sse?after=x", "/sse?after=1.5", "/sse?after="),
        "/sse?after=9007199254740992",
    ],
)
async def test_wrong_queries_are_refused(ann: Person, query: str) -> None:
    answer = await ann.get(f"/logs/{UNKNOWN_ID}{query}")

    assert {query.partition("?")[2].partition("=")[0]} == refused_fields(answer)


@pytest.mark.parametrize("last_event_id", ["x", "-1"])
async def test_a_wrong_last_event_id_is_refused(ann: Person, last_event_id: str) -> None:
    deployment = await ann.deployment()

    answer = await ann.get(
        f"/logs/{deployment['id']}/sse", headers={"Last-Event-ID": last_event_id}
    )

    assert 400 == answer.status_code


@pytest.mark.parametrize(
    ("query", "headers", "seqs"),
    [
        ("", {}, [1, 2, 3]),
        ("?after=1", {}, [2, 3]),
        ("?after=1", {"Last-Event-ID": "2"}, [3]),
        ("?after=3", {}, []),
        ("?after=9007199254740991", {}, []),
        ("", {"Last-Event-ID": "4"}, []),
    ],
)
async def test_events_resume_after_the_last_one(
    ann: Person, instance: Instance, query: str, headers: dict[str, str], seqs: list[int]
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two", "three")
    await instance.fail()

    answer = await ann.get(f"/logs/{deployment['id']}/sse{query}", headers=headers)

    *events, last, rest = answer.text.split("\n\n")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [f"id: {seq}" for seq in seqs] == [event.split("\n")[0] for event in events]
    assert all('data: {"id":' in event for event in events)
    assert ("event: end\ndata: {}", "") == (last, rest)


@pytest.mark.parametrize(("after", "seqs"), [(0, [1, 2, 3]), (2, [3])])
async def test_events_arrive_as_lines_are_written(
    ann: Person, instance: Instance, after: int, seqs: list[int]
) -> None:
    """If `after` is past the last line, later lines up to that position are skipped."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    answers: list[httpx.Response] = []

    async def watch() -> None:
        answers.append(await ann.get(f"/logs/{deployment['id']}/sse?after={after}"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.wait_all_tasks_blocked()
        await instance.say(deployment["id"], "two", "three")
        await instance.fail()

    ids = [line for line in answers[0].text.split("\n") if line.startswith("id:")]
    assert [f"id: {seq}" for seq in seqs] == ids
    assert '"message":"three"' in answers[0].text
