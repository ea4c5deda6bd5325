"""Tests rate limits that processes share through Redis, and outages of Redis."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from anyio import create_task_group
from tests.servers.redis import (
    INSTANCE,
    RedisServer,
    open_process_adapters,
    wait_until_down,
    wait_until_up,
)

from pushpaka_core.adapters.redis.rate_counters import RedisRateCounters
from pushpaka_core.adapters.redis.redis_adapters import RedisAdapters
from pushpaka_core.errors import UnavailableError

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

WHO = "account:jane@example.com"


@pytest.fixture
async def pair(shared_redis: RedisServer) -> AsyncIterator[tuple[RedisAdapters, RedisAdapters]]:
    """Return two processes of a new instance."""
    instance_id = uuid4()
    processes = [open_process_adapters(shared_redis.url, instance_id=instance_id) for _ in range(2)]
    async with processes[0] as one, processes[1] as other:
        await wait_until_up(one, other)
        yield one, other


@pytest.mark.usefixtures("patient")
async def test_processes_share_their_counters(pair: tuple[RedisAdapters, RedisAdapters]) -> None:
    free = [await process.rate_counters.hit(WHO, 2) for process in pair]
    wait = await pair[0].rate_counters.hit(WHO, 2)
    another = await pair[1].rate_counters.hit("account:ann@example.com", 2)

    assert [None, None] == free
    assert wait is not None
    assert 0 < wait <= 60
    assert another is None


@pytest.mark.usefixtures("patient")
async def test_hours_and_minutes_are_counted_separately(
    pair: tuple[RedisAdapters, RedisAdapters],
) -> None:
    """Concurrent hits are counted correctly in both windows."""
    waits: list[float | None] = []

    async def hit(counters: RedisRateCounters) -> None:
        waits.append(await counters.hit("user:jane", 2, window_seconds=3600))

    minute = await pair[0].rate_counters.hit("user:jane", 2)
    async with create_task_group() as tasks:
        for process in pair * 3:
            tasks.start_soon(hit, process.rate_counters)

    refused = [wait for wait in waits if wait is not None]
    assert minute is None
    assert (2, 4) == (waits.count(None), len(refused))
    assert all(60 < wait <= 3600 for wait in refused)


@pytest.mark.usefixtures("patient")
async def test_a_limit_can_be_checked_without_counting(
    pair: tuple[RedisAdapters, RedisAdapters],
) -> None:
    one, other = pair
    before = [await other.rate_counters.is_limit_reached(WHO, 1) for _ in range(2)]

    await one.rate_counters.hit(WHO, 1)

    assert [False, False] == before
    assert await other.rate_counters.is_limit_reached(WHO, 1)


@pytest.mark.usefixtures("patient")
async def test_instances_have_separate_counters(shared_redis: RedisServer) -> None:
    instances = [open_process_adapters(shared_redis.url, instance_id=uuid4()) for _ in range(2)]
    async with instances[0] as one, instances[1] as other:
        await wait_until_up(one, other)

        waits = [await process.rate_counters.hit(WHO, 1) for process in (one, other, one)]

    assert [True, True, False] == [wait is None for wait in waits]


async def test_keys_do_not_reveal_users(own_redis: RedisServer) -> None:
    """Users may type passwords into the email field, so keys are hashed."""
    own_redis.start()
    async with open_process_adapters(own_redis.url) as process:
        await wait_until_up(process)
        await process.rate_counters.hit(WHO, 2)

        with own_redis.client() as client:
            (key,) = client.keys()

    assert key.startswith(f"pushpaka:{INSTANCE}:rates:".encode())
    assert b"jane" not in key


async def test_counting_continues_after_redis_loses_its_data(
    own_redis: RedisServer,
) -> None:
    """A flush or a restart deletes counts and scripts."""
    own_redis.start()
    async with open_process_adapters(own_redis.url) as process:
        await wait_until_up(process)
        await process.rate_counters.hit(WHO, 1)
        own_redis.flush()
        assert await process.rate_counters.hit(WHO, 1) is None
        own_redis.restart()
        await wait_until_down(process)
        await wait_until_up(process)

        assert await process.rate_counters.hit(WHO, 1) is None
        assert await process.rate_counters.hit(WHO, 1) is not None


async def test_hung_redis_is_not_queried_again(own_redis: RedisServer) -> None:
    """Once requests have timed out, later ones fail without contacting the server."""
    own_redis.start()
    async with open_process_adapters(own_redis.url) as process:
        await wait_until_up(process)
        await process.rate_counters.hit(WHO, 1000)
        own_redis.suspend()

        together = await refusal_messages(process, 40)
        later = await refusal_messages(process, 40)

    assert 40 == len(together)
    assert ["Redis is not responding. Check that it is running."] * 40 == later


async def test_rejected_command_is_not_an_outage(own_redis: RedisServer) -> None:
    """When Redis is full and rejects writes, it still delivers hints."""
    own_redis.start()
    async with open_process_adapters(own_redis.url) as process:
        await wait_until_up(process)
        with own_redis.client() as client:
            client.config_set("maxmemory", "1")

        with pytest.raises(UnavailableError, match="Redis rejected the command"):
            await process.rate_counters.hit(WHO, 2)

        await process.connection.check()


async def refusal_messages(process: RedisAdapters, number: int) -> list[str]:
    """Send *number* concurrent requests, and return the messages of the refused ones."""
    refusals: list[str] = []

    async def ask() -> None:
        with pytest.raises(UnavailableError) as refusal:
            await process.rate_counters.hit(WHO, 1000)
        refusals.append(str(refusal.value))

    async with create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(ask)
    return refusals
