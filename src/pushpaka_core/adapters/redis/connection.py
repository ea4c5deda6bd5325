"""The way to Redis: how long anybody waits for it, and whether it is there."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio import fail_after
from attrs import define, field
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from pushpaka_core.errors import SettingsError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 0.25
"""How long a request may wait for Redis."""
QUIET_SECONDS = 1
"""How long Redis may be silent towards those whom nobody waits for."""
_CONNECTIONS = 16
LOST = (RedisError, OSError, TimeoutError, ValueError)
"""How it shows that Redis is away, or that something else is in its place."""


def client_of(url: str) -> Redis:
    """
    Return a client that gives up soon and tries nothing twice; nothing is connected yet.

    Raises:
        SettingsError: If *url* cannot be used. Not even a part of it is told: it may be a secret.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=QUIET_SECONDS,
            socket_timeout=QUIET_SECONDS,
            socket_connect_timeout=QUIET_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # the library's own lack
    except (TypeError, ValueError):
        raise SettingsError("PUSHPAKA_REDIS_URL is not the URL of a Redis server.") from None
    return Redis.from_pool(pool)


@define
class RedisConnection:
    """Asks Redis while it answers. Once it does not, nobody waits until it is found again."""

    client: Redis = field(repr=False)
    is_up: bool = field(default=False, init=False)
    """Whether it was heard last time; until it is heard first, it is away."""

    async def greet(self) -> None:
        """
        Ask Redis whether it would answer at all; one that is away may come yet.

        Raises:
            SettingsError: If it refuses what the URL says.
        """
        try:
            with fail_after(QUIET_SECONDS):
                await self.client.ping()
        except LOST as error:
            if _is_refusal(error):
                raise SettingsError(
                    "Redis refuses the user, the password or the database of PUSHPAKA_REDIS_URL."
                ) from None
            logger.warning("Redis does not answer (%s); going on without it", _named(error))

    async def ask(
        self, question: Callable[[], Awaitable[T]], /, *, patience: float = PATIENCE_SECONDS
    ) -> T:
        """
        Return the answer to *question*.

        Raises:
            UnavailableError: When *patience* is over, or at once if Redis is known to be away.
        """
        if not self.is_up:
            raise UnavailableError("Redis does not answer.")
        try:
            with fail_after(patience):
                return await question()
        except ResponseError as error:
            raise UnavailableError(f"Redis refuses to answer ({_named(error)}).") from None
        except LOST as error:
            self.lose(error)
            raise UnavailableError(f"Redis does not answer ({_named(error)}).") from None

    async def check(self) -> None:
        """Pass if Redis answers; else raise UnavailableError."""
        await self.ask(self.client.ping)

    def lose(self, error: Exception) -> None:
        """Note that Redis does not answer."""
        if self.is_up:
            logger.warning("Redis does not answer any more (%s)", _named(error))
        self.is_up = False

    def find(self) -> None:
        """Note that Redis answers."""
        if not self.is_up:
            logger.info("Redis answers")
        self.is_up = True


def _is_refusal(error: BaseException | None) -> bool:
    """Tell whether *error* comes from what a server has answered."""
    while error is not None:
        if isinstance(error, AuthenticationError | ResponseError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _named(error: Exception) -> str:
    """Return what may be told of *error*: a server's own words may repeat what it was sent."""
    return type(error).__name__
