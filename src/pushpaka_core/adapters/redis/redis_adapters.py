"""Opens all adapters that use Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.redis.connection import RedisConnection, make_client
from pushpaka_core.adapters.redis.events import RedisEventBus
from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.queue import RedisQueue
from pushpaka_core.adapters.redis.rate_counters import RedisRateCounters
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import Storage


@frozen(kw_only=True)
class RedisAdapters:
    """The adapters that use Redis. Hints are exchanged while `run` is running."""

    queue: RedisQueue
    events: RedisEventBus
    rate_counters: RedisRateCounters
    connection: RedisConnection
    exchange: HintExchange

    async def run(self) -> None:
        """Exchange hints with other processes until canceled."""
        await self.exchange.run()


@asynccontextmanager
async def open_redis(
    url: str, *, instance_id: UUID, queue: DeploymentQueue, events: EventBus, storage: Storage
) -> AsyncIterator[RedisAdapters]:
    """
    Extend the *queue* and the *events* of this process to all processes of the instance.

    Redis need not be available yet. Instances that share a Redis server do not affect each other.

    Args:
        url: URL of the Redis server.
        instance_id: The instance. Part of all channel and key names.
        queue: The queue of this process.
        events: The event bus of this process.
        storage: Read when another process reports a change.

    Raises:
        SettingsError: If *url* is invalid, or Redis rejects its user, password or database.
    """
    async with make_client(url) as client:
        connection = RedisConnection(client)
        await connection.check_at_startup()
        exchange = HintExchange(connection, f"pushpaka:{instance_id}:hints")
        shared_queue = RedisQueue(queue, exchange)
        shared_events = RedisEventBus(events, storage, exchange)
        exchange.add_handler(shared_queue.handle_hint)
        exchange.add_handler(shared_events.handle_hint)
        yield RedisAdapters(
            queue=shared_queue,
            events=shared_events,
            rate_counters=await to_thread.run_sync(
                RedisRateCounters.with_prefix, connection, f"pushpaka:{instance_id}:rates"
            ),
            connection=connection,
            exchange=exchange,
        )
