"""Opens what goes through Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.redis.connection import RedisConnection, client_of
from pushpaka_core.adapters.redis.events import RedisEventBus
from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.queue import RedisQueue
from pushpaka_core.adapters.redis.rate_counters import RedisRateCounters
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Storage


@frozen(kw_only=True)
class RedisAdapters:
    """What the processes of an instance share by Redis, while `run` is running."""

    queue: RedisQueue
    events: RedisEventBus
    rate_counters: RedisRateCounters
    connection: RedisConnection
    exchange: HintExchange

    async def run(self) -> None:
        """Carry hints to and from other processes, without end."""
        await self.exchange.run()


@asynccontextmanager
async def open_redis(
    url: str, *, instance_id: UUID, queue: DeploymentQueue, events: EventBus, storage: Storage
) -> AsyncIterator[RedisAdapters]:
    """
    Put Redis beside the *queue* and the *events* of this process; it need not be there yet.

    Other instances may use it as well: they neither hear nor count what this one does.

    Raises:
        SettingsError: If *url* is wrong, or Redis refuses what it says.
    """
    async with client_of(url) as client:
        connection = RedisConnection(client)
        await connection.greet()
        exchange = HintExchange(connection, f"pushpaka:{instance_id}:hints")
        shared_queue = RedisQueue(queue, exchange)
        shared_events = RedisEventBus(events, storage, exchange)
        exchange.pass_to(shared_queue.hear)
        exchange.pass_to(shared_events.hear)
        yield RedisAdapters(
            queue=shared_queue,
            events=shared_events,
            rate_counters=await to_thread.run_sync(
                RedisRateCounters.of, connection, f"pushpaka:{instance_id}:rates"
            ),
            connection=connection,
            exchange=exchange,
        )
