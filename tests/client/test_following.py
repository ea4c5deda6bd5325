"""Tests that logs and deployment events can be followed across broken connections."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import pytest
from anyio import create_memory_object_stream, create_task_group, fail_after, from_thread, to_thread
from tests.client.conftest import BRIEF
from tests.client.proxy import Proxy
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.http.operations import add_member

from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_http.client import (
    AsyncClient,
    Client,
    NotFoundError,
    Ready,
    RetryPolicy,
    UnauthorizedError,
    UnreachableError,
)
from pushpaka_http.schemas.deployments import DeploymentResponse

pytestmark = pytest.mark.anyio

ODD = "a\u2028b\u2029c\x85d\x1ce"
"""Text with characters that Python treats as line endings."""


@pytest.fixture(autouse=True)
async def run_with_timeout() -> AsyncIterator[None]:
    with fail_after(60):
        yield


async def call_after_each(
    lines: AsyncIterator[object], callback: Callable[[], Awaitable[object]]
) -> None:
    """Call *callback* after each of *lines*."""
    async for _ in lines:
        await callback()


async def test_each_line_is_received_once_over_broken_connections(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """After a reconnection, the client requests the lines after the last received line."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1", "2")
    seen = []

    async for line in client.logs.follow(deployment["id"]):
        seen.append(line.message)
        match line.message:
            case "2":
                await proxy.break_connections()
                await instance.say(deployment["id"], "3", "4")
            case "4":
                proxy.lost_answers = 2
                await proxy.break_connections()
                await instance.say(deployment["id"], "5")
            case "5":
                await instance.fail()

    assert ["1", "2", "3", "4", "5"] == seen[:5]
    assert len(seen) == len(set(seen))


async def test_synchronous_client_reconnects(proxy: Proxy, ann: Person, instance: Instance) -> None:
    """Like the asynchronous client, it yields each line once."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1", "2")

    def follow() -> list[int]:
        seen = []
        with Client(proxy.url, token=ann.token, retry_policy=BRIEF) as client:
            for line in client.logs.follow(deployment["id"], after=1):
                seen.append(line.seq)
                if line.message == "2":
                    from_thread.run(proxy.break_connections)
                    from_thread.run(instance.say, deployment["id"], "3")
                if line.message == "3":
                    from_thread.run(instance.fail)
        return seen

    seen = await to_thread.run_sync(follow)

    assert [2, 3] == seen[:2]
    assert len(seen) == len(set(seen))


async def test_a_line_can_contain_any_characters(
    client: AsyncClient, ann: Person, instance: Instance
) -> None:
    """Unicode line separators, for example, do not split a line."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], ODD, "next")
    (kept, _) = (await client.logs.list(deployment["id"])).data

    async with aclosing(client.logs.follow(deployment["id"])) as lines:
        assert kept == await anext(lines)
        assert "next" == (await anext(lines)).message


async def test_a_revoked_token_ends_the_log(
    client: AsyncClient, ann: Person, instance: Instance
) -> None:
    """The client raises an error, so that callers do not take this for the end of the log."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")

    with pytest.raises(UnauthorizedError):
        await call_after_each(
            client.logs.follow(deployment["id"]), partial(ann.post, "/auth/logout")
        )


async def test_a_removed_member_can_no_longer_follow(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """The client raises an error, so that callers do not take this for the end of the log."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")
    guest = await Person.register(ann.client, "guest@example.com")
    await add_member(ann, guest, deployment["project_id"], ProjectRole.VIEWER)

    async with AsyncClient(proxy.url, token=guest.token, retry_policy=BRIEF) as guests:
        remove = partial(client.members.delete, deployment["project_id"], guest.user["id"])
        with pytest.raises(NotFoundError):
            await call_after_each(guests.logs.follow(deployment["id"]), remove)


async def test_following_fails_after_a_long_outage(
    proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """Each line restarts the time limit for retries."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "1")
    once = RetryPolicy(total_seconds=0.3, initial_delay=0.02, max_delay=0.05)

    async with AsyncClient(proxy.url, token=ann.token, retry_policy=once) as client:
        with pytest.raises(UnreachableError, match=proxy.url):
            await call_after_each(client.logs.follow(deployment["id"]), proxy.disconnect)


async def test_events_start_with_ready_after_each_reconnection(
    client: AsyncClient, proxy: Proxy, ann: Person, instance: Instance
) -> None:
    """Events may have been lost, so the program should load the deployments again."""
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
        await proxy.break_connections()
        assert Ready() == await receive.receive()
        tasks.cancel_scope.cancel()
