"""
A connection to SQLite that goes to its thread once for each statement.

aiosqlite goes there for the cursor, the statement, its rows and the end of the cursor, and each
way there and back costs more than what most statements do.
"""

import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from attrs import define, field

_AT_ONCE = 1000
"""How many rows come in one go; nearly all statements have fewer."""


class SqliteConnection(aiosqlite.Connection):
    """A connection of aiosqlite's whose cursors come back with what they have found."""

    _is_settled = True
    """Whether everything that was begun in the thread is known to have come to its end."""

    @classmethod
    def to(cls, *arguments: Any, **options: Any) -> Self:
        """Prepare one, which is opened where it is awaited, with what sqlite3 takes."""
        connection = cls(partial(sqlite3.connect, *arguments, **options), iter_chunk_size=1)
        connection._thread.daemon = True
        return connection

    def cursor(self) -> "SqliteCursor":  # type: ignore[override]  # it has nothing to wait for
        """Return a cursor."""
        return SqliteCursor(self)

    async def run(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do *work* in the thread."""
        self._is_settled = False
        await self._execute(work, self._conn)  # type: ignore[no-untyped-call]  # their own lack
        self._is_settled = True

    async def rollback(self) -> None:
        """Undo what was begun; where nothing was, there is no need to go to the thread."""
        if self._conn.in_transaction or not self._is_settled:
            await super().rollback()


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

    async def __aenter__(self) -> Self:
        """Return itself."""
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
