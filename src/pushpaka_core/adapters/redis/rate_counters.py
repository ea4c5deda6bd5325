"""Rate limits shared by all processes."""

from functools import partial
from hashlib import blake2b
from time import time
from typing import Self

from attrs import frozen
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from pushpaka_core.adapters.redis.connection import RedisConnection
from pushpaka_core.ports.system import DEFAULT_WINDOW_SECONDS


@frozen
class RedisRateCounters:
    """Counts in Redis, under hashed keys that do not reveal users or addresses."""

    _connection: RedisConnection
    _counters: MovingWindowRateLimiter

    @classmethod
    def with_prefix(cls, connection: RedisConnection, prefix: str) -> Self:
        """Return counters that use the pool of *connection* and keys with *prefix*."""
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=prefix,
            connection_pool=connection.client.connection_pool,  # type: ignore[arg-type]  # is passed on
        )
        return cls(connection, MovingWindowRateLimiter(storage))

    async def hit(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> float | None:
        """
        Count an event for *key*. If there were already *limit* events, return
        the seconds to wait.
        """
        return await self._connection.call(partial(self._hit, _hashed(key), limit, window_seconds))

    async def is_limit_reached(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> bool:
        """Return whether `hit` would reject an event now, without counting one."""
        item = RateLimitItemPerSecond(limit, window_seconds)
        check = partial(self._counters.test, item, _hashed(key))
        return not await self._connection.call(check)

    async def _hit(self, key: str, limit: int, seconds: int) -> float | None:
        item = RateLimitItemPerSecond(limit, seconds)
        if await self._counters.hit(item, key):
            return None
        window = await self._counters.get_window_stats(item, key)
        return window.reset_time - time()


def _hashed(key: str) -> str:
    return blake2b(key.encode(), digest_size=16).hexdigest()
