"""Changes of deployments as Server-Sent Events."""

import pytest
from attrs import evolve
from litestar import Litestar
from tests.http.clients import Person, listen, speaking_to
from tests.http.instances import Instance
from tests.http.operations import add_member

from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

EVENTS = "/api/v1/events"


async def test_each_change_is_sent_as_it_happens(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    """Each event contains the deployment exactly as the API returns it."""
    project = await ann.project()

    async with listen(app, EVENTS, ann.token) as page:
        ready = await page.event()
        deployment = await ann.deployment(project["id"])
        queued = await page.deployment()
        await instance.serve()
        running = await page.deployment()

    assert ("ready", {}) == ready
    assert (deployment, "running") == (queued, running["status"])
    assert (await ann.get(f"/deployments/{deployment['id']}")).json() == running


async def test_the_replaced_deployment_is_sent_too(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    old = await ann.deployment()
    await instance.serve()
    new = await ann.deployment(old["project_id"])

    async with listen(app, EVENTS, ann.token) as page:
        await page.event()
        await instance.serve()
        moved = [await page.deployment() for _ in range(2)]

    assert {old["id"]: "stopped", new["id"]: "running"} == {
        each["id"]: each["status"] for each in moved
    }


async def test_deployments_of_other_users_are_not_sent(
    ann: Person, bob: Person, app: Litestar
) -> None:
    own = await bob.project()

    async with listen(app, EVENTS, bob.token) as page:
        await page.event()
        await ann.deployment()
        deployment = await bob.deployment(own["id"])

        assert deployment == await page.deployment()


async def test_events_can_be_limited_to_a_project(ann: Person, app: Litestar) -> None:
    project = await ann.project()

    async with listen(app, f"{EVENTS}?project_id={project['id']}", ann.token) as page:
        await page.event()
        await ann.deployment((await ann.project("blog"))["id"])
        deployment = await ann.deployment(project["id"])

        assert deployment == await page.deployment()


async def test_a_removed_member_gets_no_more_events(
    ann: Person, bob: Person, app: Litestar
) -> None:
    """A stream of that project ends. A stream of all projects continues without it."""
    project, own = await ann.project(), await bob.project("blog")
    await add_member(ann, bob, project["id"], ProjectRole.VIEWER)
    of_project = f"{EVENTS}?project_id={project['id']}"

    async with (
        listen(app, EVENTS, bob.token) as page,
        listen(app, of_project, bob.token) as project_page,
    ):
        first = await ann.deployment(project["id"])
        assert ("ready", {}) == await page.event() == await project_page.event()
        assert first == await page.deployment() == await project_page.deployment()

        await ann.ask("DELETE", f"/projects/{project['id']}/members/{bob.user['id']}")
        await project_page.wait_until_ended()
        await ann.deployment(project["id"])
        deployment = await bob.deployment(own["id"])

        assert deployment == await page.deployment()


async def test_change_is_sent_later_if_its_message_was_lost(
    ann: Person, app: Litestar, instance: Instance
) -> None:
    deployment = await ann.deployment()

    async with listen(app, EVENTS, ann.token) as page:
        await page.event()
        await instance.services.claim()  # Publishes nothing.

        moved = await page.deployment()

    assert (deployment["id"], "building") == (moved["id"], moved["status"])


async def test_a_late_reader_gets_the_current_state(ann: Person, instance: Instance) -> None:
    """A reader that falls behind skips intermediate states, so no backlog is kept for it."""
    project = await ann.project()
    received: list[dict[str, str]] = []
    app = create_app(instance.application)

    async with listen(app, EVENTS, ann.token) as page:
        await page.event()
        for _ in range(5):
            await ann.deployment(project["id"])
            await instance.fail()
        while 5 > len({each["id"] for each in received if each["status"] == "failed"}):
            received.append(await page.deployment())

    # The one that was being sent when it failed may come twice.
    assert len(received) <= 6


@pytest.mark.parametrize("cause", ["sign-out", "process ends"])
async def test_a_stream_ends_with_its_token_or_process(
    ann: Person, app: Litestar, instance: Instance, cause: str
) -> None:
    async with listen(app, EVENTS, ann.token) as page:
        await page.event()
        if cause == "sign-out":
            await ann.post("/auth/logout")
        else:
            instance.application.shutdown_signal.end()

        await page.wait_until_ended()


async def test_streams_of_a_user_are_limited(instance: Instance) -> None:
    app = create_app(instance.application, limits=Limits(streams_per_user=1))
    async with speaking_to(app) as client:
        ann = await Person.register(client, "ann@example.com")
        async with listen(app, EVENTS, ann.token):
            answer = await ann.get("/events")

    assert (429, "60") == (answer.status_code, answer.headers["Retry-After"])


async def test_stream_ends_with_an_end_event_after_its_maximum_duration(
    ann: Person, instance: Instance, limits: Limits
) -> None:
    app = create_app(instance.application, limits=evolve(limits, event_stream_seconds=0.05))
    async with speaking_to(app) as client:
        answer = await evolve(ann, client=client).get("/events")

    assert "event: ready\ndata: {}\n\nevent: end\ndata: {}\n\n" == answer.text
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "no-store" == answer.headers["Cache-Control"]
