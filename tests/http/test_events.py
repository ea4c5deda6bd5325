"""Moves of deployments as Server-Sent Events."""

import pytest
from anyio import fail_after
from attrs import evolve
from litestar import Litestar
from tests.http.clients import Person, listening, speaking_to
from tests.http.instances import Instance
from tests.http.operations import joined

from pushpaka_core.domain.members import ProjectRole
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

EVENTS = "/api/v1/events"
SECONDS = 5


async def test_each_move_comes_as_it_happens(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    """Whoever was there before sees a deployment in each state, as the API shows it elsewhere."""
    project = await ann.project()

    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            ready = await page.event()
            deployment = await ann.deployment(project["id"])
            queued = await page.deployment()
            await instance.serve()
            running = await page.deployment()

    assert ("ready", {}) == ready
    assert deployment == queued
    assert "running" == running["status"]
    assert (await ann.get(f"/deployments/{deployment['id']}")).json() == running


async def test_what_gives_way_is_told_as_well(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    """A deployment that is replaced moves with the one that replaces it."""
    old = await ann.deployment()
    await instance.serve()
    new = await ann.deployment(old["project_id"])

    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            await page.event()
            await instance.serve()
            moved = [await page.deployment() for _ in range(2)]

    assert {old["id"]: "stopped", new["id"]: "running"} == {
        each["id"]: each["status"] for each in moved
    }


async def test_nobody_sees_what_others_do(ann: Person, bob: Person, app: Litestar) -> None:
    """Their deployments move, and nothing is told to those who do not see their projects."""
    own = await bob.project()

    with fail_after(SECONDS):
        async with listening(app, EVENTS, bob.token) as page:
            await page.event()
            await ann.deployment()
            deployment = await bob.deployment(own["id"])

            assert deployment == await page.deployment()


async def test_a_page_may_watch_one_project(ann: Person, app: Litestar) -> None:
    """Then it is told of no other, its reader's own ones included."""
    project = await ann.project()

    with fail_after(SECONDS):
        async with listening(app, f"{EVENTS}?project_id={project['id']}", ann.token) as page:
            await page.event()
            await ann.deployment((await ann.project("blog"))["id"])
            deployment = await ann.deployment(project["id"])

            assert deployment == await page.deployment()


async def test_who_was_taken_out_of_a_team_sees_nothing_more(
    ann: Person, bob: Person, app: Litestar
) -> None:
    """Neither among their own deployments, nor where they watch that project: this ends."""
    project, own = await ann.project(), await bob.project("blog")
    await joined(ann, bob, project["id"], ProjectRole.VIEWER)
    of_project = f"{EVENTS}?project_id={project['id']}"

    with fail_after(SECONDS):
        async with (
            listening(app, EVENTS, bob.token) as page,
            listening(app, of_project, bob.token) as project_page,
        ):
            first = await ann.deployment(project["id"])
            assert ("ready", {}) == await page.event() == await project_page.event()
            assert first == await page.deployment() == await project_page.deployment()

            await ann.ask("DELETE", f"/projects/{project['id']}/members/{bob.user['id']}")
            await project_page.until_ended()
            await ann.deployment(project["id"])
            deployment = await bob.deployment(own["id"])

            assert deployment == await page.deployment()


async def test_a_move_that_nobody_told_of_is_told_later(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    """A message may be lost between processes; what it was about is found in storage."""
    deployment = await ann.deployment()

    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            await page.event()
            await instance.world.claimed()

            moved = await page.deployment()

    assert (deployment["id"], "building") == (moved["id"], moved["status"])


async def test_who_reads_late_reads_how_it_is_now(ann: Person, instance: Instance) -> None:
    """However often deployments moved meanwhile: their moves are not kept for anybody."""
    app = create_app(instance.application)
    project = await ann.project()
    told: list[dict[str, str]] = []

    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            await page.event()
            for _ in range(5):
                await ann.deployment(project["id"])
                await instance.fail()
            while 5 > len({each["id"] for each in told if each["status"] == "failed"}):
                told.append(await page.deployment())

    # What waited to be taken before it had failed is the one that may come twice.
    assert len(told) <= 6


async def test_nobody_watches_longer_than_they_are_signed_in(ann: Person, app: Litestar) -> None:
    """The stream ends soon after the token, whatever moves."""
    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            await page.event()
            await ann.post("/auth/logout")

            await page.until_ended()


async def test_a_stream_does_not_keep_a_process_from_its_end(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    """It is closed at once, and whoever watches on asks another process."""
    with fail_after(SECONDS):
        async with listening(app, EVENTS, ann.token) as page:
            await page.event()
            instance.application.lifetime.end()

            await page.until_ended()


async def test_each_stream_takes_a_place(instance: Instance) -> None:
    """Who has all of theirs in use is told when to come again."""
    app = create_app(instance.application, limits=Limits(watchers_per_user=1))
    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")

        with fail_after(SECONDS):
            async with listening(app, EVENTS, ann.token):
                answer = await ann.get("/events")

    assert 429 == answer.status_code
    assert "60" == answer.headers["Retry-After"]


async def test_a_stream_ends_after_its_time(
    ann: Person, instance: Instance, limits: Limits
) -> None:
    """It says so, and that whoever watches on asks again."""
    app = create_app(instance.application, limits=evolve(limits, watch_seconds=0.05))
    async with speaking_to(app) as client:
        with fail_after(SECONDS):
            answer = await evolve(ann, client=client).get("/events")

    assert "event: ready\ndata: {}\n\nevent: end\ndata: {}\n\n" == answer.text
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "no-store" == answer.headers["Cache-Control"]
