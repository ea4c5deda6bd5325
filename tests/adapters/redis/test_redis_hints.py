"""Tests hints between processes, with and without Redis."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from anyio import fail_after
from attrs import frozen
from tests.servers.redis import (
    INSTANCE,
    RedisServer,
    open_process_adapters,
    wait_until_down,
    wait_until_up,
)

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.redis import connection, exchange
from pushpaka_core.adapters.redis.exchange import MAX_BUFFERED_HINTS
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.adapters.redis.redis_adapters import RedisAdapters
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import later

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)
CHANNEL = f"pushpaka:{INSTANCE}:hints"
SECRET = "a line that nobody else may read"


@frozen
class ProcessPair:
    """Two processes with one database, and a deployment in it."""

    one: RedisAdapters
    other: RedisAdapters
    storage: MemoryStorage
    deployment: Deployment

    async def settle(self) -> None:
        """Consume the hints of the startup of both processes."""
        await wait_until_up(self.one, self.other)
        for process in (self.one, self.other):
            while await process.queue.wait(SHORT):
                pass

    async def cancel(self) -> Deployment:
        """Cancel the deployment, and publish the change in the first process."""
        async with self.storage.transaction() as uow:
            cancelled = await uow.deployments.update(self.deployment.cancel(now=later(1)))
        await self.one.events.publish(DeploymentChanged(deployment=cancelled))
        return cancelled

    def lines(self) -> LogLinesAppended:
        """Return a message with a log line of the deployment."""
        id = self.deployment.id  # noqa: A001
        line = LogLine.of(a_log_entry(SECRET), deployment_id=id, seq=1)
        return LogLinesAppended(deployment_id=id, lines=[line])

    @property
    def appended_lines_message(self) -> LogLinesAppended:
        """Return the message that another process receives for log lines."""
        return LogLinesAppended(deployment_id=self.deployment.id, lines=())


@pytest.fixture
async def pair(own_redis: RedisServer) -> AsyncIterator[ProcessPair]:
    """Return two processes whose Redis server has not been started yet."""
    async with open_pair(own_redis) as pair:
        yield pair


@pytest.fixture
async def processes(own_redis: RedisServer) -> AsyncIterator[ProcessPair]:
    """Return two connected processes."""
    own_redis.start()
    async with open_pair(own_redis) as pair:
        await pair.settle()
        yield pair


@asynccontextmanager
async def open_pair(server: RedisServer) -> AsyncIterator[ProcessPair]:
    storage, owner = MemoryStorage(), a_user()
    project = a_project(owner)
    deployment = a_deployment(project)
    async with storage.transaction() as uow:
        await uow.users.add(owner)
        await uow.projects.add(project)
        await uow.deployments.add(deployment)
    async with (
        open_process_adapters(server.url, storage) as one,
        open_process_adapters(server.url, storage) as other,
    ):
        yield ProcessPair(one, other, storage, deployment)


async def test_hints_reach_other_processes(processes: ProcessPair) -> None:
    """Messages about new log lines omit the lines. Messages about changes contain the state."""
    async with processes.other.events.subscribe(processes.deployment.id) as watched:
        await processes.one.events.publish(processes.lines())
        cancelled = await processes.cancel()

        assert [
            processes.appended_lines_message,
            DeploymentChanged(deployment=cancelled),
        ] == await take_messages(watched, 2)


async def test_subscribers_of_all_changes_get_those_of_other_processes(
    processes: ProcessPair,
) -> None:
    """The message contains the state from the database."""
    async with processes.other.events.subscribe_to_deployments() as transitions:
        await processes.one.events.publish(processes.lines())
        cancelled = await processes.cancel()

        with fail_after(60):
            assert DeploymentChanged(deployment=cancelled) == await anext(transitions)


async def test_redis_gets_ids_only(processes: ProcessPair, own_redis: RedisServer) -> None:
    """Messages in Redis contain no lines and no states, and no keys are stored."""
    with own_redis.client() as client, client.pubsub() as spy:
        spy.subscribe(CHANNEL)
        async with processes.other.events.subscribe(processes.deployment.id) as watched:
            await processes.one.events.publish(processes.lines())
            await processes.cancel()
            await processes.one.queue.notify(processes.deployment.project_id)
            await take_messages(watched, 2)
            await processes.other.queue.wait(LONG)
        heard = [spy.get_message(timeout=5)["data"] for _ in range(4)][1:]
        keys = client.keys()

    id, project_id = processes.deployment.id, processes.deployment.project_id  # noqa: A001
    texts = [data.decode().partition(" ")[2] for data in heard]
    assert [f"lines {id}", f"moved {id}", f"queued {project_id}"] == texts
    assert [] == keys


async def test_invalid_messages_are_ignored(processes: ProcessPair, own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        for junk in (b"", b"\xff", b"x", b"x queued", b"x boiled 1", b"x queued 1", b"x lines 1 2"):
            client.publish(CHANNEL, junk)

    await processes.one.queue.notify(processes.deployment.project_id)

    assert await processes.other.queue.wait(LONG)


async def test_hints_do_not_reach_other_instances(
    processes: ProcessPair, own_redis: RedisServer
) -> None:
    """Instances that share a Redis do not wake each other."""
    async with open_process_adapters(own_redis.url, instance_id=uuid4()) as stranger:
        await wait_until_up(stranger)
        while await stranger.queue.wait(SHORT):
            pass
        await processes.one.queue.notify(processes.deployment.project_id)
        assert await processes.other.queue.wait(LONG)

        assert not await stranger.queue.wait(SHORT)


async def test_processes_work_separately_without_redis(pair: ProcessPair) -> None:
    """A process gets its own hints and messages while Redis is unavailable."""
    async with pair.one.events.subscribe(pair.deployment.id) as watched:
        with fail_after(60):
            await pair.one.events.publish(pair.lines())
            while pair.lines() != await anext(watched):
                pass

    with fail_after(60):
        await pair.one.queue.notify(pair.deployment.project_id)
        assert await pair.one.queue.wait(LONG)


async def test_watchers_poll_during_a_redis_outage(pair: ProcessPair) -> None:
    """Watchers see the commits of other processes without hints."""
    async with pair.other.events.subscribe(pair.deployment.id) as watched:
        await take_messages(watched, 2)
        cancelled = await pair.cancel()
        seen = await take_messages(watched, 2)

    assert [pair.appended_lines_message, DeploymentChanged(deployment=cancelled)] == seen


async def test_workers_wake_up_after_a_redis_outage(
    processes: ProcessPair, own_redis: RedisServer
) -> None:
    """All workers wake up once Redis is back, because hints may have been lost."""
    own_redis.kill()
    await wait_until_down(processes.one, processes.other)
    while await processes.other.queue.wait(SHORT):
        pass

    own_redis.start()

    assert await processes.other.queue.wait(LONG)
    await processes.settle()
    await processes.one.queue.notify(processes.deployment.project_id)
    assert await processes.other.queue.wait(LONG)


async def test_hung_redis_blocks_no_caller(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notifying and publishing return at once, even before a hung Redis counts as unavailable."""
    for module in (connection, exchange):
        monkeypatch.setattr(module, "BACKGROUND_TIMEOUT", LONG.total_seconds())
    own_redis.start()
    async with open_pair(own_redis) as pair:
        await pair.settle()
        own_redis.suspend()

        with fail_after(LONG.total_seconds() / 2):
            for _ in range(2 * MAX_BUFFERED_HINTS):
                await pair.one.queue.notify(pair.deployment.project_id)
                await pair.one.events.publish(pair.lines())
            assert not await pair.other.queue.wait(SHORT)

        assert pair.one.connection.is_up


async def test_the_last_hints_of_a_process_are_sent(
    processes: ProcessPair, own_redis: RedisServer
) -> None:
    """A process can exit right after it queued a deployment."""
    async with open_process_adapters(own_redis.url) as brief:
        await wait_until_up(brief)
        await processes.settle()
        await brief.queue.notify(processes.deployment.project_id)

    assert await processes.other.queue.wait(LONG)


async def test_a_flood_of_hints_is_collapsed(processes: ProcessPair) -> None:
    """Pending hints are replaced by one hint to check everything."""
    flood = Hint(HintKind.QUEUED, processes.deployment.project_id)
    async with processes.other.events.subscribe(processes.deployment.id) as watched:
        for _ in range(MAX_BUFFERED_HINTS + 1):
            processes.one.exchange.send(flood)

        assert processes.appended_lines_message == (await take_messages(watched, 1))[0]


async def test_unknown_deployment_is_ignored(processes: ProcessPair) -> None:
    """The deployment was deleted meanwhile, or belongs to another instance."""
    stranger = a_deployment(a_project(a_user()), id=uuid4())
    async with processes.other.events.subscribe(stranger.id) as watched:
        await processes.one.events.publish(DeploymentChanged(deployment=stranger))
        await processes.one.events.publish(LogLinesAppended(deployment_id=stranger.id, lines=()))

        assert [LogLinesAppended(deployment_id=stranger.id, lines=())] == await take_messages(
            watched, 1
        )


async def take_messages(messages: AsyncIterator[Message], number: int) -> Sequence[Message]:
    with fail_after(60):
        return [await anext(messages) for _ in range(number)]
