"""Logs and moves, followed over connections that break."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import pytest
from anyio import create_memory_object_stream, create_task_group, fail_after, from_thread, to_thread
from tests.client.conftest import BRIEF
from tests.client.proxy import Proxy
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.http.operations import joined

from pushpaka_core.domain.members import ProjectRole
from pushpaka_http.client import (
    AsyncClient,
    Client,
    NotFoundError,
    Ready,
    Retries,
    UnauthorizedError,
    UnreachableError,
)
from pushpaka_http.schemas.deployments import DeploymentResponse

pytestmark = pytest.mark.anyio

ODD = "a\u2028b\u2029c\x85d\x1ce"
"""What Python would take for several lines."""


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    with fail_after(20):
        yield


async def after_each(lines: AsyncIterator[object], act: Callable[[], Awaitable[object]]) -> None:
    """Do something after each of *lines*."""
    async for _ in lines:
        await act()


async def test_each_line_comes_once_over_broken_connections(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """A log goes on after the last line that came, and ends where it is over."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1", "2")
    seen = []

    async for line in client.logs.follow(deployment["id"]):
        seen.append(line.message)
        match line.message:
            case "2":
                await proxy.cut()
                await instance.say(deployment["id"], "3", "4")
            case "4":
                proxy.lost_answers = 2
                await proxy.cut()
                await instance.say(deployment["id"], "5")
            case "5":
                await instance.fail()

    assert ["1", "2", "3", "4", "5"] == seen[:5]
    assert len(seen) == len(set(seen))


async def test_synchronous_client_goes_on_as_well(
    proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """A program that does one thing after the other sees the same lines."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1", "2")

    def follow() -> list[int]:
        seen = []
        with Client(proxy.url, token=ann.token, retries=BRIEF) as client:
            for line in client.logs.follow(deployment["id"], after=1):
                seen.append(line.seq)
                if line.message == "2":
                    from_thread.run(proxy.cut)
                    from_thread.run(instance.say, deployment["id"], "3")
                if line.message == "3":
                    from_thread.run(instance.fail)
        return seen

    seen = await to_thread.run_sync(follow)

    assert [2, 3] == seen[:2]
    assert len(seen) == len(set(seen))


async def test_line_is_whole_whatever_it_holds(
    client: AsyncClient, ann: Person, instance: Instance
) -> None:
    """Characters that end lines elsewhere end none here."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], ODD, "next")
    (kept, _) = (await client.logs.list(deployment["id"])).data

    async with aclosing(client.logs.follow(deployment["id"])) as lines:
        assert kept == await anext(lines)
        assert "next" == (await anext(lines)).message


async def test_ended_token_is_told(client: AsyncClient, ann: Person, instance: Instance) -> None:
    """Who is signed out meanwhile hears so."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")

    with pytest.raises(UnauthorizedError):
        await after_each(client.logs.follow(deployment["id"]), partial(ann.post, "/auth/logout"))


async def test_who_may_not_see_it_any_more_is_told(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """A log that is not theirs any more does not end as if it were over."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")
    guest = await Person.registered(ann.client, "guest@example.com")
    await joined(ann, guest, deployment["project_id"], ProjectRole.VIEWER)

    async with AsyncClient(proxy.url, token=guest.token, retries=BRIEF) as guests:
        remove = partial(client.members.delete, deployment["project_id"], guest.user["id"])
        with pytest.raises(NotFoundError):
            await after_each(guests.logs.follow(deployment["id"]), remove)


async def test_instance_that_stays_away_is_told(
    proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """Nobody waits for longer than they want to, and the total begins anew with each line."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")
    once = Retries(total=0.3, first_pause=0.02, longest_pause=0.05)

    async with AsyncClient(proxy.url, token=ann.token, retries=once) as client:
        with pytest.raises(UnreachableError, match=proxy.url):
            await after_each(client.logs.follow(deployment["id"]), proxy.go_away)


async def test_moves_begin_anew_with_ready(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """After a lost connection one is told to read anew, as moves may have been missed."""
    deployment = await ann.deployment()
    send, receive = create_memory_object_stream[DeploymentResponse | Ready](10)

    async def follow() -> None:
        async for event in client.events.follow(project_id=deployment["project_id"]):
            await send.send(event)

    async with create_task_group() as tasks, send, receive:
        tasks.start_soon(follow)
        assert Ready() == await receive.receive()
        await instance.fail()
        while True:
            moved = await receive.receive()
            if isinstance(moved, DeploymentResponse) and moved.status == "failed":
                break
        await proxy.cut()
        assert Ready() == await receive.receive()
        tasks.cancel_scope.cancel()
