"""The interface that SQLite and PostgreSQL implement."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

import sqlalchemy as sa
from anyio import CapacityLimiter
from attrs import frozen
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

BEGIN_TIMEOUT_OPTION = "pushpaka_rest"
"""The execution option for how long a transaction may wait for the database's lock."""


@frozen(kw_only=True)
class ConnectionPool:
    """A pool of database connections that limits the number of concurrent transactions."""

    engine: AsyncEngine
    limiter: CapacityLimiter
    wait_timeout: timedelta
    """How long to wait for a connection."""
    answer_timeout: timedelta | None = None
    """How long the database may take to answer, or None for a local file."""
    locks_rows: bool = False
    """Whether there are concurrent writers, so that rows have to be locked before a change."""


class Database(Protocol):
    """A database at one address. All methods block."""

    def connection_pools(self, *, wait_timeout: timedelta) -> tuple[ConnectionPool, ConnectionPool]:
        """Return the pools for writing and for reading. No connection is opened yet."""
        ...

    def exists(self) -> bool:
        """Return whether the database exists, without creating it."""
        ...

    def run_with_schema_lock(
        self, work: Callable[[sa.Connection], T], *, wait_timeout: timedelta
    ) -> T:
        """
        Run *work* in a transaction that excludes all others that change the schema.

        Raises:
            SettingsError: If the database cannot be opened.
        """
        ...
