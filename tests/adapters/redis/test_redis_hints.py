"""What processes hear of each other through Redis, and what they do without it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from anyio import current_time, fail_after, move_on_after
from attrs import frozen
from tests.redis_server import INSTANCE, RedisServer, process_at, until_down, until_up

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.redis.connection import QUIET_SECONDS
from pushpaka_core.adapters.redis.exchange import MOST_WAITING
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.adapters.redis.opening import RedisAdapters
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry, later

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)
CHANNEL = f"pushpaka:{INSTANCE}:hints"
SECRET = "a line that nobody else may read"


@frozen
class Pair:
    """Two processes over one database, and a deployment in it."""

    one: RedisAdapters
    other: RedisAdapters
    storage: MemoryStorage
    deployment: Deployment

    async def settle(self) -> None:
        """Take the hints with which processes begin."""
        await until_up(self.one, self.other)
        for process in (self.one, self.other):
            while await process.queue.wait(SHORT):
                pass

    async def cancel(self) -> Deployment:
        """Keep the deployment in another state, and let the first process tell."""
        async with self.storage.transaction() as uow:
            cancelled = await uow.deployments.update(self.deployment.cancel(at=later(1)))
        await self.one.events.publish(DeploymentMoved(deployment=cancelled))
        return cancelled

    def lines(self) -> LinesWritten:
        """Return a message with a line of the deployment."""
        id = self.deployment.id  # noqa: A001
        line = LogLine.of(an_entry(SECRET), deployment_id=id, seq=1)
        return LinesWritten(deployment_id=id, lines=[line])

    @property
    def word_of_lines(self) -> LinesWritten:
        """Return what another process is told of lines."""
        return LinesWritten(deployment_id=self.deployment.id, lines=())


@pytest.fixture
async def pair(own_redis: RedisServer) -> AsyncIterator[Pair]:
    """Return two processes whose Redis is not there yet."""
    async with open_pair(own_redis) as pair:
        yield pair


@pytest.fixture
async def joined(own_redis: RedisServer) -> AsyncIterator[Pair]:
    """Return two processes that hear each other."""
    own_redis.start()
    async with open_pair(own_redis) as pair:
        await pair.settle()
        yield pair


@asynccontextmanager
async def open_pair(server: RedisServer) -> AsyncIterator[Pair]:
    storage, owner = MemoryStorage(), a_user()
    project = a_project(owner)
    deployment = a_deployment(project)
    async with storage.transaction() as uow:
        await uow.users.add(owner)
        await uow.projects.add(project)
        await uow.deployments.add(deployment)
    async with (
        process_at(server.url, storage) as one,
        process_at(server.url, storage) as other,
    ):
        yield Pair(one, other, storage, deployment)


async def test_other_process_is_told_where_to_look(joined: Pair) -> None:
    """Of lines it learns that there are some, of a move the state that storage has."""
    async with joined.other.events.subscribe(joined.deployment.id) as watched:
        await joined.one.events.publish(joined.lines())
        cancelled = await joined.cancel()

        assert [joined.word_of_lines, DeploymentMoved(deployment=cancelled)] == await take(
            watched, 2
        )


async def test_who_watches_all_moves_gets_those_of_other_processes(joined: Pair) -> None:
    """With the state that storage has, and whatever was said by lines before."""
    async with joined.other.events.subscribe_to_moves() as moves:
        await joined.one.events.publish(joined.lines())
        cancelled = await joined.cancel()

        with fail_after(5):
            assert DeploymentMoved(deployment=cancelled) == await anext(moves)


async def test_nothing_of_a_message_goes_through_redis(
    joined: Pair, own_redis: RedisServer
) -> None:
    """Who listens to Redis learns ids, and no line and no state; no key is left behind."""
    with own_redis.client() as client, client.pubsub() as spy:
        spy.subscribe(CHANNEL)
        async with joined.other.events.subscribe(joined.deployment.id) as watched:
            await joined.one.events.publish(joined.lines())
            await joined.cancel()
            await joined.one.queue.announce(joined.deployment.project_id)
            await take(watched, 2)
            await joined.other.queue.wait(LONG)
        heard = [spy.get_message(timeout=5)["data"] for _ in range(4)][1:]
        keys = client.keys()

    id, project_id = joined.deployment.id, joined.deployment.project_id  # noqa: A001
    told = [data.decode().partition(" ")[2] for data in heard]
    assert [f"lines {id}", f"moved {id}", f"queued {project_id}"] == told
    assert [] == keys


async def test_junk_is_passed_over(joined: Pair, own_redis: RedisServer) -> None:
    """What strangers or other versions say stops nobody from hearing the rest."""
    with own_redis.client() as client:
        for junk in (b"", b"\xff", b"x", b"x queued", b"x boiled 1", b"x queued 1", b"x lines 1 2"):
            client.publish(CHANNEL, junk)

    await joined.one.queue.announce(joined.deployment.project_id)

    assert await joined.other.queue.wait(LONG)


async def test_another_instance_hears_nothing(joined: Pair, own_redis: RedisServer) -> None:
    """Two that use one Redis do not wake each other."""
    async with process_at(own_redis.url, instance_id=uuid4()) as stranger:
        await until_up(stranger)
        while await stranger.queue.wait(SHORT):
            pass
        await joined.one.queue.announce(joined.deployment.project_id)
        assert await joined.other.queue.wait(LONG)

        assert not await stranger.queue.wait(SHORT)


async def test_each_works_for_itself_without_redis(pair: Pair) -> None:
    """Workers and watchers of a process get its own hints and messages while Redis is away."""
    async with pair.one.events.subscribe(pair.deployment.id) as watched:
        with fail_after(10):
            await pair.one.events.publish(pair.lines())
            while pair.lines() != await anext(watched):
                pass

    with fail_after(10):
        await pair.one.queue.announce(pair.deployment.project_id)
        assert await pair.one.queue.wait(LONG)


async def test_watchers_look_for_themselves_while_redis_is_away(pair: Pair) -> None:
    """What another process commits is seen within two seconds all the same."""
    async with pair.other.events.subscribe(pair.deployment.id) as watched:
        await take(watched, 2)
        begin = current_time()
        cancelled = await pair.cancel()
        seen = await take(watched, 2)

    assert [pair.word_of_lines, DeploymentMoved(deployment=cancelled)] == seen
    assert current_time() - begin < 2


async def test_hints_go_on_after_a_restart(joined: Pair, own_redis: RedisServer) -> None:
    """Processes come back to a Redis that has forgotten everything, and look once on their own."""
    own_redis.kill()
    await until_down(joined.one, joined.other)
    own_redis.start()
    await joined.settle()

    await joined.one.queue.announce(joined.deployment.project_id)

    assert await joined.other.queue.wait(LONG)


async def test_whoever_comes_back_looks_and_lets_others_look(
    joined: Pair, own_redis: RedisServer
) -> None:
    """A worker is woken in every process once Redis is back, for hints may have been lost."""
    own_redis.kill()
    await until_down(joined.one, joined.other)
    while await joined.other.queue.wait(SHORT):
        pass

    own_redis.start()

    assert await joined.other.queue.wait(LONG)


async def test_hung_redis_holds_up_nobody(joined: Pair, own_redis: RedisServer) -> None:
    """Announcing and publishing never wait for Redis, and waiting is over in time."""
    own_redis.pause()

    begin = current_time()
    for _ in range(2 * MOST_WAITING):
        await joined.one.queue.announce(joined.deployment.project_id)
        await joined.one.events.publish(joined.lines())
    assert current_time() - begin < QUIET_SECONDS

    with fail_after(1):
        await joined.other.queue.wait(SHORT)
        assert not await joined.other.queue.wait(SHORT)


async def test_hung_redis_is_noticed_and_found_again(joined: Pair, own_redis: RedisServer) -> None:
    """Silence counts as being away, also where nobody asks for anything."""
    own_redis.pause()
    await until_down(joined.one, joined.other)

    own_redis.go_on()

    await joined.settle()


async def test_what_is_told_at_the_end_is_sent(joined: Pair, own_redis: RedisServer) -> None:
    """A process that queues a deployment and ends at once has told the others."""
    async with process_at(own_redis.url) as brief:
        await until_up(brief)
        await joined.settle()
        await brief.queue.announce(joined.deployment.project_id)

    with move_on_after(5):
        assert await joined.other.queue.wait(LONG)


async def test_flood_becomes_one_hint_to_look_at_everything(joined: Pair) -> None:
    """More than can be sent is not kept, and nobody misses anything for it."""
    flood = Hint(HintKind.QUEUED, joined.deployment.project_id)
    async with joined.other.events.subscribe(joined.deployment.id) as watched:
        for _ in range(MOST_WAITING + 1):
            joined.one.exchange.send(flood)

        assert joined.word_of_lines == (await take(watched, 1))[0]


async def test_unknown_deployment_is_no_harm(joined: Pair) -> None:
    """What was deleted meanwhile, or belongs to another instance, is told to nobody."""
    stranger = a_deployment(a_project(a_user()), id=uuid4())
    async with joined.other.events.subscribe(stranger.id) as watched:
        await joined.one.events.publish(DeploymentMoved(deployment=stranger))
        await joined.one.events.publish(LinesWritten(deployment_id=stranger.id, lines=()))

        assert [LinesWritten(deployment_id=stranger.id, lines=())] == await take(watched, 1)


async def take(watched: AsyncIterator[Message], number: int) -> Sequence[Message]:
    with fail_after(10):
        return [await anext(watched) for _ in range(number)]
