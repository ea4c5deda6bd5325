"""
Connections to the database, and all in which one database differs from another.

SQLite has one writer at a time: writers wait for their turn here, in order, and for
writers of other processes in the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from anyio import CancelScope, CapacityLimiter, to_thread
from attrs import frozen
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from pushpaka_core.errors import SettingsError

PATIENCE = timedelta(seconds=8)
"""How long a transaction waits for its turn before the storage counts as unavailable."""

_READERS = 8


@frozen(kw_only=True)
class Lane:
    """Connections of one kind, and who may use them."""

    engine: AsyncEngine
    users: CapacityLimiter
    patience: timedelta


@asynccontextmanager
async def open_lanes(url: str, *, patience: timedelta) -> AsyncIterator[tuple[Lane, Lane]]:
    """Open the way for those who write, and the one for those who only read."""
    writing, reading = await to_thread.run_sync(_lanes, url, patience)
    try:
        yield writing, reading
    finally:
        with CancelScope(shield=True):
            await writing.engine.dispose()
            await reading.engine.dispose()


def _lanes(url: str, patience: timedelta) -> tuple[Lane, Lane]:
    """Prepare the engines, for which SQLAlchemy looks at the file system."""
    address = _address(url).set(drivername="sqlite+aiosqlite")
    writing, reading = (
        Lane(
            engine=create_async_engine(address, pool_size=width, max_overflow=0),
            users=CapacityLimiter(width),
            patience=patience,
        )
        for width in (1, _READERS)
    )
    _configure(writing.engine.sync_engine, begin="BEGIN IMMEDIATE", patience=patience)
    _configure(reading.engine.sync_engine, begin="BEGIN", patience=patience, reads_only=True)
    return writing, reading


def migrating_engine(url: str, *, patience: timedelta = PATIENCE) -> sa.Engine:
    """Return a blocking engine for the one who changes the schema; a new file is ours alone."""
    address = _address(url)
    with suppress(OSError):
        Path(str(address.database)).touch(mode=0o600, exist_ok=True)
    engine = sa.create_engine(address, poolclass=NullPool)
    _configure(engine, begin="BEGIN IMMEDIATE", patience=patience)
    return engine


def _address(url: str) -> sa.URL:
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        raise SettingsError(
            f"PUSHPAKA_DATABASE_URL begins with {address.drivername}://; "
            "use sqlite:///<path of a file>, or memory:"
        )
    if address.database in (None, "", ":memory:"):
        raise SettingsError(
            "PUSHPAKA_DATABASE_URL names no file; use sqlite:///<path of a file>, "
            "or memory: to keep nothing"
        )
    return address


def _configure(
    engine: sa.Engine, *, begin: str, patience: timedelta, reads_only: bool = False
) -> None:
    """Begin transactions ourselves: Python's driver would do it too late, and not for DDL."""

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.create_function("lower", 1, _lower, deterministic=True)
        cursor = connection.cursor()
        for setting in (
            f"busy_timeout = {int(patience.total_seconds() * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {int(reads_only)}",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)


def _lower(text: Any) -> Any:
    """Lower letters of every script, where SQLite itself lowers only ASCII."""
    return text.lower() if isinstance(text, str) else text
