"""The way to the database that a URL names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from anyio import CancelScope, to_thread

from pushpaka_core.adapters.sql.lanes import Database, Lane
from pushpaka_core.adapters.sql.sqlite import SqliteDatabase
from pushpaka_core.errors import SettingsError

PATIENCE = timedelta(seconds=8)
"""How long a transaction waits for its turn before the storage counts as unavailable."""


def database_at(url: str) -> Database:
    """
    Return the database that *url* names, which need not be there; this reads files.

    Raises:
        SettingsError: If no such database can be used.
    """
    match url.partition(":")[0]:
        case "sqlite":
            return SqliteDatabase.parse(url)
        case "postgresql" | "postgres":
            return _postgres_at(url)
        case scheme:
            raise SettingsError(
                f"PUSHPAKA_DATABASE_URL begins with {scheme}:; use sqlite:///<path of a file>, "
                "postgresql://<user>:<password>@<host>/<database>, or memory:"
            )


@asynccontextmanager
async def open_lanes(url: str, *, patience: timedelta) -> AsyncIterator[tuple[Lane, Lane]]:
    """Open the way for those who write, and the one for those who only read."""
    database = await to_thread.run_sync(database_at, url)
    writing, reading = await to_thread.run_sync(partial(database.lanes, patience=patience))
    try:
        yield writing, reading
    finally:
        with CancelScope(shield=True):
            await writing.engine.dispose()
            await reading.engine.dispose()


def _postgres_at(url: str) -> Database:
    try:
        from pushpaka_core.adapters.sql.postgres import PostgresDatabase
    except ModuleNotFoundError:
        raise SettingsError(
            "PUSHPAKA_DATABASE_URL needs `pip install pushpaka[postgres]`."
        ) from None
    return PostgresDatabase.parse(url)
