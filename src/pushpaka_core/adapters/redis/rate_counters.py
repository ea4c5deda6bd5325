"""Rate limits that all processes count together."""

from functools import partial
from hashlib import blake2b
from time import time
from typing import Self

from attrs import frozen
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from pushpaka_core.adapters.redis.connection import RedisConnection
from pushpaka_core.ports.rate_counters import MINUTE


@frozen
class RedisRateCounters:
    """Counts in Redis, under keys that tell nobody who or what was counted."""

    _connection: RedisConnection
    _counters: MovingWindowRateLimiter

    @classmethod
    def of(cls, connection: RedisConnection, prefix: str) -> Self:
        """Return counters that share the connections of *connection*, under keys of *prefix*."""
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=prefix,
            connection_pool=connection.client.connection_pool,  # type: ignore[arg-type]  # is passed on
        )
        return cls(connection, MovingWindowRateLimiter(storage))

    async def hit(self, key: str, most: int, /, *, seconds: int = MINUTE) -> float | None:
        """Count one more of *key*, unless there were *most*: then return the seconds to wait."""
        return await self._connection.ask(partial(self._hit, _disguised(key), most, seconds))

    async def _hit(self, key: str, most: int, seconds: int) -> float | None:
        item = RateLimitItemPerSecond(most, seconds)
        if await self._counters.hit(item, key):
            return None
        window = await self._counters.get_window_stats(item, key)
        return window.reset_time - time()


def _disguised(key: str) -> str:
    return blake2b(key.encode(), digest_size=16).hexdigest()
