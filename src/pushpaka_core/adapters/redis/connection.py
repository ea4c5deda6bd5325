"""The connection to Redis: timeouts, and whether Redis is available."""

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

REQUEST_TIMEOUT = 0.25
"""Seconds that a request may wait for Redis."""
BACKGROUND_TIMEOUT = 1
"""Seconds that background tasks wait for Redis."""
_MAX_CONNECTIONS = 16
CONNECTION_ERRORS = (RedisError, OSError, TimeoutError, ValueError)
"""Errors that mean that Redis is unavailable, or that another service runs at its address."""


def make_client(url: str) -> Redis:
    """
    Return a client with short timeouts and without retries. It does not connect yet.

    Raises:
        SettingsError: If *url* is invalid. The message does not include it, because it may contain
            a password.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=BACKGROUND_TIMEOUT,
            socket_timeout=BACKGROUND_TIMEOUT,
            socket_connect_timeout=BACKGROUND_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # the library's own lack
    except (TypeError, ValueError):
        raise SettingsError(
            "PUSHPAKA_REDIS_URL is not the URL of a Redis server. Use a URL such as "
            "redis://host:6379/0."
        ) from None
    return Redis.from_pool(pool)


@define
class RedisConnection:
    """
    Sends commands to Redis.

    While Redis is unavailable, commands fail at once instead of waiting.
    """

    client: Redis = field(repr=False)
    is_up: bool = field(default=False, init=False)
    """Whether Redis answered the last command. False until the first answer."""

    async def check_at_startup(self) -> None:
        """
        Check the connection at startup. Log a warning if Redis is unavailable.

        Raises:
            SettingsError: If Redis rejects the user, the password or the database of the URL.
        """
        try:
            with fail_after(BACKGROUND_TIMEOUT):
                await self.client.ping()
        except CONNECTION_ERRORS as error:
            if _is_server_reply(error):
                raise SettingsError(
                    "Redis rejected the user, the password or the database in PUSHPAKA_REDIS_URL."
                    " Correct the URL."
                ) from None
            logger.warning(
                "Redis is not responding (%s). Continuing without it.", _error_name(error)
            )

    async def call(
        self, command: Callable[[], Awaitable[T]], /, *, timeout: float = REQUEST_TIMEOUT
    ) -> T:
        """
        Run a command and return its result.

        Args:
            command: Sends the command.
            timeout: Timeout in seconds.

        Raises:
            UnavailableError: After *timeout*, or at once if Redis is known to be unavailable.
        """
        if not self.is_up:
            raise UnavailableError("Redis is not responding. Check that it is running.")
        try:
            with fail_after(timeout):
                return await command()
        except ResponseError as error:
            raise UnavailableError(
                f"Redis rejected the command ({_error_name(error)}). Check the Redis log."
            ) from None
        except CONNECTION_ERRORS as error:
            self.mark_down(error)
            raise UnavailableError(
                f"Redis is not responding ({_error_name(error)}). Check that it is running."
            ) from None

    async def check(self) -> None:
        """Raise UnavailableError unless Redis answers."""
        await self.call(self.client.ping)

    def mark_down(self, error: Exception) -> None:
        """Mark Redis as unavailable."""
        if self.is_up:
            logger.warning(
                "The connection to Redis was lost (%s). Trying to reconnect.", _error_name(error)
            )
        self.is_up = False

    def mark_up(self) -> None:
        """Mark Redis as available."""
        if not self.is_up:
            logger.info("Connected to Redis.")
        self.is_up = True


def _is_server_reply(error: BaseException | None) -> bool:
    """Return whether *error* is a reply of the server."""
    while error is not None:
        if isinstance(error, AuthenticationError | ResponseError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _error_name(error: Exception) -> str:
    """
    Return the name of the error. The message may contain parts of the command, which can be
    secret.
    """
    return type(error).__name__
