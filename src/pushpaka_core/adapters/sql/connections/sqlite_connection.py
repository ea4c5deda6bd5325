"""
A connection to SQLite that takes one round trip to its thread for each statement.

aiosqlite takes one each for the cursor, the statement, the rows and closing the cursor. A round
trip takes longer than most statements do.
"""

import sqlite3
import sys
from asyncio import Future, get_running_loop
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from attrs import define, field

_FETCH_SIZE = 1000
"""Rows fetched per round trip. Nearly all statements return fewer."""


class SqliteConnection(aiosqlite.Connection):
    """A connection of aiosqlite whose cursors fetch rows together with the statement."""

    _deferred_begin: tuple[str, ...] = ()
    """Statements that begin the transaction, sent together with its first statement."""
    _sqlite: sqlite3.Connection | None = None
    """The open connection. aiosqlite does not store it if its caller is canceled."""
    _is_idle = True
    """Whether the last call in the thread has completed."""

    @classmethod
    def prepare(cls, *arguments: Any, **options: Any) -> Self:
        """Return a connection that opens when it is awaited, with the arguments of sqlite3."""
        connect = partial(sqlite3.connect, *arguments, **options)
        connection = cls(lambda: connection._open(connect), iter_chunk_size=1)
        connection._thread.daemon = True
        return connection

    def stop(self) -> Future[Any] | None:
        """Stop the thread. Close a connection that was opened for a canceled caller."""
        if self._connection is None:
            self._tx.put_nowait((None, self._close_opened))
        return super().stop()

    def begin(self, *statements: str) -> None:
        """Begin a transaction with *statements*, sent together with its first statement."""
        self._deferred_begin = statements

    def cursor(self) -> "SqliteCursor":  # type: ignore[override]  # it has nothing to wait for
        """Return a cursor."""
        return SqliteCursor(self)

    async def run(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """
        Run *work* in the connection's thread. If the transaction cannot begin, the next call
        retries.
        """
        beginning, self._deferred_begin, self._is_idle = self._deferred_begin, (), False
        try:
            await self._execute(_run_in_transaction, self._conn, beginning, work)  # type: ignore[no-untyped-call]  # their own lack
        except sqlite3.Error:
            if not self._conn.in_transaction:
                self._deferred_begin = beginning
            raise
        self._is_idle = True

    def _open(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        self._sqlite = connect()
        return self._sqlite

    def _close_opened(self) -> None:
        if self._sqlite is not None:
            self._sqlite.close()

    async def commit(self) -> None:
        """Commit. Takes no round trip if no statement was run."""
        if not self._deferred_begin:
            await super().commit()
        self._deferred_begin = ()

    async def rollback(self) -> None:
        """Queue a rollback in the thread, without waiting for it."""
        self._deferred_begin = ()
        if self._conn.in_transaction or not self._is_idle:
            unawaited = get_running_loop().create_future()
            self._tx.put_nowait((unawaited, self._conn.rollback))


def _run_in_transaction(
    connection: sqlite3.Connection,
    begin: Sequence[str],
    work: Callable[[sqlite3.Connection], object],
) -> None:
    for statement in begin:
        connection.execute(statement)
    work(connection)


@define
class SqliteCursor:
    """A cursor for SQLAlchemy that has already fetched the first rows."""

    _connection: SqliteConnection
    description: Any = field(default=None, init=False)
    rowcount: int = field(default=-1, init=False)
    lastrowid: int | None = field(default=None, init=False)
    arraysize: int = field(default=1, init=False)
    _rows: list[Any] = field(factory=list, init=False)
    _cursor: sqlite3.Cursor | None = field(default=None, init=False)
    """The cursor that fetches the remaining rows, or None if there are no more."""

    def __await__(self) -> Generator[None, None, Self]:
        """Return the cursor itself, because SQLAlchemy 2.0 awaits new cursors."""
        return self
        yield

    async def __aenter__(self) -> Self:
        """Return the cursor, for SQLAlchemy 2.1."""
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a statement and fetch its first rows."""
        await self._connection.run(
            lambda sqlite: self._attach(sqlite.execute(statement, parameters))
        )
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        """Run a statement without results once for each of *parameters*."""
        await self._connection.run(
            lambda sqlite: self._attach(sqlite.executemany(statement, parameters))
        )
        return self

    async def fetchall(self) -> list[Any]:
        """Return all remaining rows."""
        return await self.fetchmany(sys.maxsize)

    async def fetchmany(self, size: int) -> list[Any]:
        """Return up to *size* remaining rows."""
        while len(self._rows) < size and self._cursor is not None:
            await self._connection.run(self._fetch)
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def close(self) -> None:
        """Discard the remaining rows."""
        if self._cursor is not None:
            await self._connection.run(self._close_cursor)

    def _attach(self, cursor: sqlite3.Cursor) -> None:
        self._cursor, self.description, self.lastrowid = (
            cursor,
            cursor.description,
            cursor.lastrowid,
        )
        self._fetch()
        self.rowcount = cursor.rowcount

    def _fetch(self, *_: object) -> None:
        if self._cursor is not None:
            rows = self._cursor.fetchmany(_FETCH_SIZE)
            self._rows += rows
            if len(rows) < _FETCH_SIZE:
                self._close_cursor()

    def _close_cursor(self, *_: object) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
