"""
Connections to SQLite, which has a single writer at a time.

Writers of this process queue for a pool of one connection. While another process writes, they wait
in the database.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self, TypeVar, cast
from urllib.parse import unquote

import sqlalchemy as sa
from anyio import CapacityLimiter
from attrs import frozen
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from pushpaka_core.adapters.sql.connections.connection_pool import (
    BEGIN_TIMEOUT_OPTION,
    ConnectionPool,
)
from pushpaka_core.adapters.sql.connections.sqlite_connection import SqliteConnection
from pushpaka_core.errors import SettingsError

T = TypeVar("T")

_READ_POOL_SIZE = 8
_LOCK_PAUSE_SECONDS = 0.01
_CONFIGURATION_ERRORS = {14: "cannot be opened", 26: "is not a database"}
"""Configuration errors that an operator has to fix, by SQLite's primary result code."""


@frozen
class SqliteDatabase:
    """An SQLite database file."""

    _address: sa.URL

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Parse the URL.

        Raises:
            SettingsError: If it has no path.
        """
        # SQLAlchemy percent-decodes the path since version 2.1 only.
        path = unquote(url.partition(":///")[2].partition("?")[0])
        address = sa.make_url(url).set(database=path)
        if address.database in (None, "", ":memory:"):
            raise SettingsError(
                'PUSHPAKA_DATABASE_URL has no path. Use "sqlite:///<path to a file>", or "memory:" '
                "to store nothing on disk."
            )
        return cls(address)

    def connection_pools(self, *, wait_timeout: timedelta) -> tuple[ConnectionPool, ConnectionPool]:
        """Return the pools for writing and for reading."""
        writing, reading = (
            ConnectionPool(
                engine=create_async_engine(
                    self._address.set(drivername="sqlite+aiosqlite"),
                    pool_size=width,
                    max_overflow=0,
                    hide_parameters=True,
                ),
                limiter=CapacityLimiter(width),
                wait_timeout=wait_timeout,
            )
            for width in (1, _READ_POOL_SIZE)
        )
        _configure(writing.engine.sync_engine, wait_timeout=wait_timeout)
        _configure(reading.engine.sync_engine, wait_timeout=wait_timeout, is_read_only=True)
        for lane, begin in ((writing, "BEGIN IMMEDIATE"), (reading, "BEGIN")):
            sa.event.listen(lane.engine.sync_engine, "do_connect", _use_own_connection)
            sa.event.listen(lane.engine.sync_engine, "begin", partial(_defer_begin, begin))
        return writing, reading

    def exists(self) -> bool:
        """Return whether the file exists."""
        return os.path.lexists(self._path)

    def run_with_schema_lock(
        self, work: Callable[[sa.Connection], T], *, wait_timeout: timedelta
    ) -> T:
        """
        Run *work* as the only writer. A new file is readable by its owner only.

        Raises:
            SettingsError: If the file cannot be opened, or is not a database.
        """
        with suppress(OSError):
            self._path.touch(mode=0o600, exist_ok=True)
        _switch_to_wal(self._path, wait_timeout)
        engine = sa.create_engine(self._address, poolclass=NullPool, hide_parameters=True)
        _configure(engine, wait_timeout=wait_timeout)
        sa.event.listen(engine, "begin", _begin)
        with self._connect(engine) as connection, connection.begin():
            return work(connection)

    def _connect(self, engine: sa.Engine) -> sa.Connection:
        try:
            return engine.connect()
        except DBAPIError as error:
            reason = _CONFIGURATION_ERRORS.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
            if reason is None:
                raise
            raise SettingsError(
                f"The database file {self._path} {reason}. Check its path and permissions, restore "
                "it from a backup, or set PUSHPAKA_DATABASE_URL to a different file."
            ) from error

    @property
    def _path(self) -> Path:
        return Path(str(self._address.database))


def _switch_to_wal(path: Path, wait_timeout: timedelta) -> None:
    """
    Switch a new database to write-ahead logging, while other processes may do the same.

    SQLite reports at once that the database is locked, instead of waiting. Other errors are left to
    the next connection.
    """
    deadline = monotonic() + wait_timeout.total_seconds()
    while True:
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            is_locked = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if is_locked and monotonic() < deadline:
                sleep(_LOCK_PAUSE_SECONDS)
                continue
        return


def _use_own_connection(
    _: sa.Dialect, __: ConnectionPoolEntry, ___: Any, options: dict[str, Any]
) -> None:
    options["async_creator_fn"] = SqliteConnection.prepare


def _defer_begin(begin_statement: str, connection: sa.Connection) -> None:
    """Begin the transaction together with its first statement, within the remaining time."""
    rest: timedelta | None = connection.get_execution_options().get(BEGIN_TIMEOUT_OPTION)
    patience = () if rest is None else (f"PRAGMA {_busy_timeout(rest)}",)
    driver_connection = cast("SqliteConnection", connection.connection.driver_connection)
    driver_connection.begin(*patience, begin_statement)


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(engine: sa.Engine, *, wait_timeout: timedelta, is_read_only: bool = False) -> None:
    """
    Configure new connections, without the transaction handling of Python's driver.

    The driver would begin too late, and not at all before DDL.
    """

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.create_function("lower", 1, _lower, deterministic=True)
        cursor = connection.cursor()
        for setting in (
            _busy_timeout(wait_timeout),
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {int(is_read_only)}",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()


def _busy_timeout(wait_timeout: timedelta) -> str:
    return f"busy_timeout = {int(wait_timeout.total_seconds() * 1000)}"


def _lower(text: Any) -> Any:
    """Convert to lowercase in all scripts. SQLite's own function is limited to ASCII."""
    return text.lower() if isinstance(text, str) else text
