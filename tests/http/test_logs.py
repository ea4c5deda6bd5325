"""Logs by REST and as Server-Sent Events."""

import anyio
import httpx
import pytest
from tests.http.clients import NOBODY, Person
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = ["id", "deployment_id", "seq", "level", "stream", "phase", "message", "created_at"]


async def test_all_lines_are_listed_in_order(ann: Person, instance: Instance) -> None:
    """A log is a list of lines with the contract's fields, numbered without a gap."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "Build started", "<script>alert(1)</script>")

    answer = await ann.get(f"/logs/{deployment['id']}")

    lines = answer.json()["data"]
    assert 200 == answer.status_code
    assert ["data"] == list(answer.json())
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
async def test_lines_are_picked_by_what_they_are(
    ann: Person, instance: Instance, query: str, seqs: list[int]
) -> None:
    """A reader asks for a place, a stream, a level or a text."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "null", "three")

    answer = await ann.get(f"/logs/{deployment['id']}?{query}")

    assert seqs == [line["seq"] for line in answer.json()["data"]]


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "stream=x", "level=loud", "q=%00", "x=1"])
async def test_bad_queries_of_logs_are_refused(ann: Person, query: str) -> None:
    """A mistyped filter does not look like an empty log."""
    answer = await ann.get(f"/logs/{NOBODY}?{query}")

    assert 400 == answer.status_code
    assert [query.partition("=")[0]] == [p["field"] for p in answer.json()["details"]]


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
async def test_events_go_on_where_the_reader_was(
    ann: Person, instance: Instance, query: str, headers: dict[str, str], seqs: list[int]
) -> None:
    """Each line is an event whose id is its number; the last event tells that it is over."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one", "two", "three")
    await instance.fail()

    with anyio.fail_after(5):
        answer = await ann.get(f"/logs/{deployment['id']}/sse{query}", headers=headers)

    *events, last, rest = answer.text.split("\n\n")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [f"id: {seq}" for seq in seqs] == [event.split("\n")[0] for event in events]
    assert all('data: {"id":' in event for event in events)
    assert ("event: end\ndata: {}", "") == (last, rest)


async def test_events_behind_the_end_are_those_that_come_later(
    ann: Person, instance: Instance
) -> None:
    """Who asks for more than there is sees nothing, and then what has a greater number."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    answers: list[httpx.Response] = []

    async def watch() -> None:
        answers.append(await ann.get(f"/logs/{deployment['id']}/sse?after=2"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            await instance.say(deployment["id"], "two", "three")
            await instance.fail()

    assert ["id: 3"] == [line for line in answers[0].text.split("\n") if line.startswith("id:")]


async def test_events_come_as_they_happen(ann: Person, instance: Instance) -> None:
    """A line reaches a watcher that was there before it."""
    deployment = await ann.deployment()
    answers: list[httpx.Response] = []

    async def watch() -> None:
        answers.append(await ann.get(f"/logs/{deployment['id']}/sse"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            await instance.say(deployment["id"], "hello")
            await instance.fail()

    assert '"message":"hello"' in answers[0].text


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "9007199254740992"])
@pytest.mark.parametrize("kind", ["", "/sse"])
async def test_a_bad_place_is_refused(ann: Person, kind: str, after: str) -> None:
    """What is no number of a line is told, in a list as in a stream."""
    deployment = await ann.deployment()

    answer = await ann.get(f"/logs/{deployment['id']}{kind}?after={after}")

    assert (400, ["after"]) == (
        answer.status_code,
        [problem["field"] for problem in answer.json()["details"]],
    )


@pytest.mark.parametrize("last", ["x", "-1"])
async def test_a_bad_last_event_is_refused(ann: Person, last: str) -> None:
    """Who does not know where they were is told so."""
    deployment = await ann.deployment()

    answer = await ann.get(f"/logs/{deployment['id']}/sse", headers={"Last-Event-ID": last})

    assert 400 == answer.status_code
