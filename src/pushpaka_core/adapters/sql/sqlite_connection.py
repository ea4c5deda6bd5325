"""
A connection to SQLite that goes to its thread once for each statement.

aiosqlite goes there for the cursor, the statement, its rows and the end of the cursor, and each
way there and back costs more than what most statements do.
"""

import sqlite3
import sys
from asyncio import get_running_loop
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from attrs import define, field

_AT_ONCE = 1000
"""How many rows come in one go; nearly all statements have fewer."""


class SqliteConnection(aiosqlite.Connection):
    """A connection of aiosqlite's whose cursors come back with what they have found."""

    _to_come: tuple[str, ...] = ()
    """How a transaction begins, which goes along with its first statement."""
    _is_settled = True
    """Whether everything that was begun in the thread is known to have come to its end."""

    @classmethod
    def to(cls, *arguments: Any, **options: Any) -> Self:
        """Prepare one, which is opened where it is awaited, with what sqlite3 takes."""
        connection = cls(partial(sqlite3.connect, *arguments, **options), iter_chunk_size=1)
        connection._thread.daemon = True
        return connection

    def begin(self, *statements: str) -> None:
        """Begin a transaction by *statements*, as soon as there is anything to be done in it."""
        self._to_come = statements

    def cursor(self) -> "SqliteCursor":  # type: ignore[override]  # it has nothing to wait for
        """Return a cursor."""
        return SqliteCursor(self)

    async def run(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do *work* in the thread; where the transaction could not begin, it has yet to do so."""
        beginning, self._to_come, self._is_settled = self._to_come, (), False
        try:
            await self._execute(_do, self._conn, beginning, work)  # type: ignore[no-untyped-call]  # their own lack
        except sqlite3.Error:
            if not self._conn.in_transaction:
                self._to_come = beginning
            raise
        self._is_settled = True

    async def commit(self) -> None:
        """Commit what was done; where nothing was, there is no need to go to the thread."""
        if not self._to_come:
            await super().commit()
        self._to_come = ()

    async def rollback(self) -> None:
        """Have it undone before anything else that is done there, without waiting for it."""
        self._to_come = ()
        if self._conn.in_transaction or not self._is_settled:
            unawaited = get_running_loop().create_future()
            self._tx.put_nowait((unawaited, self._conn.rollback))


def _do(
    connection: sqlite3.Connection,
    beginning: Sequence[str],
    work: Callable[[sqlite3.Connection], object],
) -> None:
    for statement in beginning:
        connection.execute(statement)
    work(connection)


@define
class SqliteCursor:
    """What has come of a statement, as SQLAlchemy asks for it; of many rows only the first."""

    _connection: SqliteConnection
    description: Any = field(default=None, init=False)
    rowcount: int = field(default=-1, init=False)
    lastrowid: int | None = field(default=None, init=False)
    arraysize: int = field(default=1, init=False)
    _rows: list[Any] = field(factory=list, init=False)
    _rest: sqlite3.Cursor | None = field(default=None, init=False)
    """What gives all other rows."""

    def __await__(self) -> Generator[None, None, Self]:
        """Return itself, as SQLAlchemy 2.0 asks for it."""
        return self
        yield

    async def __aenter__(self) -> Self:
        """Return itself, as SQLAlchemy 2.1 asks for it."""
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a statement, and fetch its first rows."""
        await self._connection.run(lambda sqlite: self._hold(sqlite.execute(statement, parameters)))
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        """Run a statement that has no rows several times."""
        await self._connection.run(
            lambda sqlite: self._hold(sqlite.executemany(statement, parameters))
        )
        return self

    async def fetchall(self) -> list[Any]:
        """Return all rows that were not returned yet."""
        return await self.fetchmany(sys.maxsize)

    async def fetchmany(self, size: int) -> list[Any]:
        """Return so many of them."""
        while len(self._rows) < size and self._rest is not None:
            await self._connection.run(self._fetch)
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def close(self) -> None:
        """Let go of the rows that nobody wants."""
        if self._rest is not None:
            await self._connection.run(self._end)

    def _hold(self, cursor: sqlite3.Cursor) -> None:
        self._rest, self.description, self.lastrowid = cursor, cursor.description, cursor.lastrowid
        self._fetch()
        self.rowcount = cursor.rowcount

    def _fetch(self, *_: object) -> None:
        if self._rest is not None:
            rows = self._rest.fetchmany(_AT_ONCE)
            self._rows += rows
            if len(rows) < _AT_ONCE:
                self._end()

    def _end(self, *_: object) -> None:
        if self._rest is not None:
            self._rest.close()
            self._rest = None
