"""Opens the database that a URL refers to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from anyio import CancelScope, to_thread

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool, Database
from pushpaka_core.adapters.sql.connections.sqlite import SqliteDatabase
from pushpaka_core.errors import SettingsError

WAIT_TIMEOUT = timedelta(seconds=8)
"""How long a transaction waits for a connection or lock before it fails."""


def database_at(url: str) -> Database:
    """
    Return the database at *url*, which need not exist yet. Reads certificate files. Blocks.

    Raises:
        SettingsError: If the URL is invalid, or its driver is not installed.
    """
    match url.partition(":")[0]:
        case "sqlite":
            return SqliteDatabase.parse(url)
        case "postgresql" | "postgres":
            return _postgres_at(url)
        case scheme:
            raise SettingsError(
                f"PUSHPAKA_DATABASE_URL has the unknown scheme {scheme!r}. Use "
                '"sqlite:///<path to a file>", "postgresql://<user>:<password>@<host>/<database>", '
                'or "memory:" to store nothing on disk.'
            )


@asynccontextmanager
async def open_connection_pools(
    url: str, *, wait_timeout: timedelta
) -> AsyncIterator[tuple[ConnectionPool, ConnectionPool]]:
    """Open the connection pools for writing and for reading."""
    database = await to_thread.run_sync(database_at, url)
    writing, reading = await to_thread.run_sync(
        partial(database.connection_pools, wait_timeout=wait_timeout)
    )
    try:
        yield writing, reading
    finally:
        with CancelScope(shield=True):
            await writing.engine.dispose()
            await reading.engine.dispose()


def _postgres_at(url: str) -> Database:
    try:
        from pushpaka_core.adapters.sql.connections.postgres import PostgresDatabase
    except ModuleNotFoundError:
        raise SettingsError(
            "PostgreSQL support is not installed. Run `pip install pushpaka[postgres]`, or change "
            "PUSHPAKA_DATABASE_URL."
        ) from None
    return PostgresDatabase.parse(url)
