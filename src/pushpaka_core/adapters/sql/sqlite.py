"""
Connections to SQLite, which has one writer at a time.

Writers wait for their turn in a lane of one, in order, and for writers of other
processes in the database.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

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
        _configure(writing.engine.sync_engine, patience=patience)
        _configure(reading.engine.sync_engine, patience=patience, reads_only=True)
        for lane, begin in ((writing, "BEGIN IMMEDIATE"), (reading, "BEGIN")):
            sa.event.listen(lane.engine.sync_engine, "do_connect", _connect_by_ours)
            sa.event.listen(lane.engine.sync_engine, "begin", partial(_begin_later, begin))
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
        _configure(engine, patience=patience)
        sa.event.listen(engine, "begin", _begin)
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


def _begin_later(begin: str, connection: sa.Connection) -> None:
    """Begin together with the first statement, which waits no longer than its user has left."""
    rest: timedelta | None = connection.get_execution_options().get(REST)
    patience = () if rest is None else (f"PRAGMA {_busy_timeout(rest)}",)
    driver_connection = cast("SqliteConnection", connection.connection.driver_connection)
    driver_connection.begin(*patience, begin)


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(engine: sa.Engine, *, patience: timedelta, reads_only: bool = False) -> None:
    """Leave it to us when transactions begin: Python's driver would be too late, or not for DDL."""

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


def _busy_timeout(patience: timedelta) -> str:
    return f"busy_timeout = {int(patience.total_seconds() * 1000)}"


def _lower(text: Any) -> Any:
    """Lower letters of every script, where SQLite itself lowers only ASCII."""
    return text.lower() if isinstance(text, str) else text
