"""
Connections to SQLite, which has one writer at a time.

Writers wait for their turn in a lane of one, in order, and for writers of other
processes in the database.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from anyio import CapacityLimiter
from attrs import frozen
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from pushpaka_core.adapters.sql.lanes import REST, Lane
from pushpaka_core.adapters.sql.sqlite_connection import SqliteConnection
from pushpaka_core.errors import SettingsError

T = TypeVar("T")

_READERS = 8
_PATIENCE = "pushpaka_patience"
"""What is noted of a connection: how long it waits for writers of other processes."""
_MISTAKES = {14: "cannot be opened", 26: "is not a database"}
"""By SQLite's primary result code: what somebody has to mend before a file can be used."""


@frozen
class SqliteDatabase:
    """A file."""

    _address: sa.URL

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Read the address.

        Raises:
            SettingsError: If it names no file.
        """
        address = sa.make_url(url)
        if address.database in (None, "", ":memory:"):
            raise SettingsError(
                "PUSHPAKA_DATABASE_URL names no file; use sqlite:///<path of a file>, "
                "or memory: to keep nothing"
            )
        return cls(address)

    def lanes(self, *, patience: timedelta) -> tuple[Lane, Lane]:
        """Prepare the engines, for which SQLAlchemy looks at the file system."""
        writing, reading = (
            Lane(
                engine=create_async_engine(
                    self._address.set(drivername="sqlite+aiosqlite"),
                    pool_size=width,
                    max_overflow=0,
                    hide_parameters=True,
                ),
                users=CapacityLimiter(width),
                patience=patience,
            )
            for width in (1, _READERS)
        )
        for lane in (writing, reading):
            sa.event.listen(lane.engine.sync_engine, "do_connect", _connect_by_ours)
        _configure(writing.engine.sync_engine, begin="BEGIN IMMEDIATE", patience=patience)
        _configure(reading.engine.sync_engine, begin="BEGIN", patience=patience, reads_only=True)
        return writing, reading

    def is_there(self) -> bool:
        """Tell whether something is where the file should be."""
        return os.path.lexists(self._path)

    def work_on_schema(self, work: Callable[[sa.Connection], T], *, patience: timedelta) -> T:
        """
        Do *work* as the one writer; a new file is ours alone.

        Raises:
            SettingsError: If the file cannot be opened, or is no database.
        """
        with suppress(OSError):
            self._path.touch(mode=0o600, exist_ok=True)
        engine = sa.create_engine(self._address, poolclass=NullPool, hide_parameters=True)
        _configure(engine, begin="BEGIN IMMEDIATE", patience=patience)
        with self._opened(engine) as connection, connection.begin():
            return work(connection)

    def _opened(self, engine: sa.Engine) -> sa.Connection:
        try:
            return engine.connect()
        except DBAPIError as error:
            reason = _MISTAKES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
            if reason is None:
                raise
            raise SettingsError(
                f"The database file {self._path} {reason}. Mend that, or set "
                "PUSHPAKA_DATABASE_URL to another one."
            ) from error

    @property
    def _path(self) -> Path:
        return Path(str(self._address.database))


def _connect_by_ours(
    _: sa.Dialect, __: ConnectionPoolEntry, ___: Any, options: dict[str, Any]
) -> None:
    options["async_creator_fn"] = SqliteConnection.to


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
            _busy_timeout(patience),
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {int(reads_only)}",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        rest: timedelta = connection.get_execution_options().get(REST, patience)
        setting = _busy_timeout(rest)
        if not reads_only and setting != connection.info.get(_PATIENCE, _busy_timeout(patience)):
            connection.exec_driver_sql(f"PRAGMA {setting}")
            connection.info[_PATIENCE] = setting
        connection.exec_driver_sql(begin)


def _busy_timeout(patience: timedelta) -> str:
    """Return the setting, in so coarse steps that whoever needed not wait has all of it."""
    return f"busy_timeout = {100 * ceil(patience.total_seconds() * 10)}"


def _lower(text: Any) -> Any:
    """Lower letters of every script, where SQLite itself lowers only ASCII."""
    return text.lower() if isinstance(text, str) else text
