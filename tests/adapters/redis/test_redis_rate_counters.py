"""Rate limits that processes count together, and what becomes of them without Redis."""

from uuid import uuid4

import pytest
from anyio import create_task_group, current_time
from tests.redis_server import INSTANCE, RedisServer, process_at, until_down, until_up

from pushpaka_core.adapters.redis.opening import RedisAdapters
from pushpaka_core.adapters.redis.rate_counters import RedisRateCounters
from pushpaka_core.errors import UnavailableError

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

WHO = "account:jane@example.com"


async def test_processes_count_together(own_redis: RedisServer) -> None:
    """What was asked for in one process is not to be had again in the other."""
    own_redis.start()
    async with process_at(own_redis.url) as one, process_at(own_redis.url) as other:
        await until_up(one, other)

        free = [await process.rate_counters.hit(WHO, 2) for process in (one, other)]
        wait = await one.rate_counters.hit(WHO, 2)
        another = await other.rate_counters.hit("account:ann@example.com", 2)

    assert [None, None] == free
    assert wait is not None
    assert 55 < wait <= 60
    assert another is None


async def test_an_hour_is_counted_beside_a_minute(shared_redis: RedisServer) -> None:
    """Each has a count of its own, and tells its own time to wait; of many at once so many pass."""
    waits: list[float | None] = []

    async def hit(counters: RedisRateCounters) -> None:
        waits.append(await counters.hit("user:jane", 2, seconds=3600))

    instance_id = uuid4()
    processes = [process_at(shared_redis.url, instance_id=instance_id) for _ in range(2)]
    async with processes[0] as one, processes[1] as other:
        await until_up(one, other)
        minute = await one.rate_counters.hit("user:jane", 2)
        async with create_task_group() as tasks:
            for process in (one, other) * 3:
                tasks.start_soon(hit, process.rate_counters)

    refused = [wait for wait in waits if wait is not None]
    assert minute is None
    assert (2, 4) == (waits.count(None), len(refused))
    assert all(3590 < wait <= 3600 for wait in refused)


async def test_each_instance_counts_for_itself(shared_redis: RedisServer) -> None:
    """Who has had enough of one is welcome in another that uses the same Redis."""
    instances = [process_at(shared_redis.url, instance_id=uuid4()) for _ in range(2)]
    async with instances[0] as one, instances[1] as other:
        await until_up(one, other)

        waits = [await process.rate_counters.hit(WHO, 1) for process in (one, other, one)]

    assert [True, True, False] == [wait is None for wait in waits]


async def test_keys_tell_nobody_who_was_counted(own_redis: RedisServer) -> None:
    """People type passwords where their e-mail belongs; Redis never sees either."""
    own_redis.start()
    async with process_at(own_redis.url) as process:
        await until_up(process)
        await process.rate_counters.hit(WHO, 2)

        with own_redis.client() as client:
            (key,) = client.keys()

    assert key.startswith(f"pushpaka:{INSTANCE}:rates:".encode())
    assert b"jane" not in key


async def test_counting_goes_on_after_redis_has_forgotten_everything(
    own_redis: RedisServer,
) -> None:
    """A flush or a restart loses counts, and with them the scripts that count; nothing else."""
    own_redis.start()
    async with process_at(own_redis.url) as process:
        await until_up(process)
        await process.rate_counters.hit(WHO, 1)
        own_redis.flush()
        assert await process.rate_counters.hit(WHO, 1) is None
        own_redis.restart()
        await until_down(process)
        await until_up(process)

        assert await process.rate_counters.hit(WHO, 1) is None
        assert await process.rate_counters.hit(WHO, 1) is not None


async def test_nobody_waits_long_for_a_hung_redis(own_redis: RedisServer) -> None:
    """All who ask at once give up after a quarter of a second, and who comes later at once."""
    own_redis.start()
    async with process_at(own_redis.url) as process:
        await until_up(process)
        await process.rate_counters.hit(WHO, 1000)
        own_redis.pause()

        together = await seconds_of(process, 40)
        later = await seconds_of(process, 40)

    assert max(together) < 1
    assert max(later) < 0.25


async def test_refusal_of_a_command_is_not_an_outage(own_redis: RedisServer) -> None:
    """A Redis that is full still carries hints; only counting is done elsewhere."""
    own_redis.start()
    async with process_at(own_redis.url) as process:
        await until_up(process)
        with own_redis.client() as client:
            client.config_set("maxmemory", "1")

        with pytest.raises(UnavailableError, match="Redis refuses to answer"):
            await process.rate_counters.hit(WHO, 2)

        await process.connection.check()


async def seconds_of(process: RedisAdapters, number: int) -> list[float]:
    """Ask so often at the same time, and return how long each took to be refused an answer."""
    seconds: list[float] = []

    async def ask() -> None:
        begin = current_time()
        with pytest.raises(UnavailableError):
            await process.rate_counters.hit(WHO, 1000)
        seconds.append(current_time() - begin)

    async with create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(ask)
    return seconds
