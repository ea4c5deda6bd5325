"""Runs the statements of a transaction, converts rows to entities and translates errors."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from math import inf
from typing import Any, Protocol, Self, TypeVar, cast

import attrs
import sqlalchemy as sa
from anyio import CancelScope, current_time
from anyio.lowlevel import checkpoint_if_cancelled
from attrs import field, frozen
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.errors import translated_errors, unavailable_error
from pushpaka_core.adapters.sql.paged_query import PagedQuery
from pushpaka_core.converters import from_row, to_row
from pushpaka_core.errors import (
    DuplicateError,
    NotFoundError,
    PushpakaError,
    StaleEntityError,
)
from pushpaka_core.ports.storage.page import Page


class _Versioned(attrs.AttrsInstance, Protocol):
    @property
    def version(self) -> int: ...


E = TypeVar("E", bound=attrs.AttrsInstance)
V = TypeVar("V", bound=_Versioned)

_MAX_LOCK_IDLE_TIME = "5s"
_ADVISORY_LOCK = sa.select(
    sa.func.set_config("idle_in_transaction_session_timeout", _MAX_LOCK_IDLE_TIME, True),
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("name", type_=sa.Text), 0)),
)


@asynccontextmanager
async def shielded(
    table: sa.Table | None = None, *, timeout: timedelta | None = None
) -> AsyncIterator[None]:
    """
    Shield database calls from cancellation, which would break the connection.

    If the caller is already canceled, no call is made. After *timeout*, the call is abandoned and
    StorageUnavailableError is raised.
    """
    await checkpoint_if_cancelled()
    deadline = inf if timeout is None else current_time() + timeout.total_seconds()
    with CancelScope(shield=True, deadline=deadline) as scope, translated_errors(table):
        yield
    if scope.cancelled_caught:
        raise unavailable_error("it did not respond in time")


@frozen
class LockableQuery:
    """A prepared query with and without row locks."""

    _unlocked: sa.Select[Any]
    _locked: sa.Select[Any]

    @classmethod
    def from_query(cls, query: sa.Select[Any], *tables: sa.Table) -> Self:
        """Prepare *query*, which locks the rows of *tables* if there are concurrent writers."""
        return cls(query, with_locks(query, *tables))

    def for_transaction(self, statements: "Statements") -> sa.Select[Any]:
        """Return the query for the transaction of *statements*."""
        return self._locked if statements.locks_rows else self._unlocked


@frozen
class Statements:
    """The statements of one transaction."""

    _connection: AsyncConnection
    _pool: ConnectionPool
    _rejected: list[PushpakaError] = field(factory=list, init=False)

    def require_no_rejected_write(self) -> None:
        """
        Raise RuntimeError if a write was rejected earlier in the transaction.

        PostgreSQL silently rolls back a transaction that continues after an error. Continuing is a
        bug with any database.
        """
        if self._rejected:
            raise RuntimeError(
                "A write was rejected, but the transaction continued. End the transaction after an "
                "error."
            ) from (self._rejected[0])

    @property
    def locks_rows(self) -> bool:
        """Return whether there are concurrent writers, so that rows have to be locked."""
        return self._pool.locks_rows

    async def all(self, cls: type[E], query: sa.Select[Any], **parameters: object) -> list[E]:
        """Return the entities found by *query*."""
        return [from_row(cls, row) for row in await self._rows(query, parameters=parameters)]

    async def find(self, cls: type[E], query: sa.Select[Any]) -> E | None:
        """Return the first entity found by *query*, or None."""
        rows = await self._rows(query.limit(1))
        return from_row(cls, rows[0]) if rows else None

    async def only(self, cls: type[E], query: sa.Select[Any], **parameters: object) -> E | None:
        """Return the entity found by *query*, which has at most one result, or None."""
        rows = await self._rows(query, parameters=parameters)
        return from_row(cls, rows[0]) if rows else None

    async def get(self, cls: type[E], table: sa.Table, *conditions: sa.ColumnElement[bool]) -> E:
        """Return the row that meets *conditions*, locked. Raise NotFoundError if there is none."""
        entity = await self.find(cls, self.lock_rows(sa.select(table).where(*conditions), table))
        if entity is None:
            raise NotFoundError(table.info["noun"])
        return entity

    async def page(self, cls: type[E], query: sa.Select[Any], limit: int, offset: int) -> Page[E]:
        """Return a page of *query*, with the total number of rows."""
        return await self.page_prepared(
            cls, PagedQuery.from_query(query), limit=limit, offset=offset
        )

    async def page_prepared(
        self, cls: type[E], query: PagedQuery, *, limit: int, offset: int, **parameters: object
    ) -> Page[E]:
        """Return a page of a prepared query. The last page takes no query for the total."""
        found = await self.all(cls, query.page_query, limit=limit, offset=offset, **parameters)
        total = offset + len(found)
        if len(found) == limit or (offset and not found):
            ((total,),) = await self.tuples(query.count_query, **parameters)
        return Page(items=found, total=total)

    def lock_rows(self, query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
        """Return *query* with a lock on the rows of *table*, if there are concurrent writers."""
        return with_locks(query, table) if self._pool.locks_rows else query

    def skip_locked(self, query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
        """
        Return *query* with a lock on the rows of *table*, if there are concurrent writers. Rows
        locked by others are skipped.
        """
        if not self._pool.locks_rows:
            return query
        return query.with_for_update(of=table, key_share=True, skip_locked=True)

    async def advisory_lock(self, name: str) -> None:
        """
        Hold the advisory lock *name* until the end of the transaction.

        It protects invariants that no single row represents, and is not needed if there is a single
        writer. Transactions that hold an advisory lock must be short: they are ended after 5
        seconds without a statement.
        """
        if self._pool.locks_rows:
            await self.tuples(_ADVISORY_LOCK, name=name)

    async def scalar(self, statement: sa.Executable) -> Any:
        """Return the first column of the first row, or None."""
        async with self._translated():
            return await self._connection.scalar(statement)

    async def tuples(
        self, statement: sa.Executable, **parameters: object
    ) -> Sequence[tuple[Any, ...]]:
        """Run *statement* and return its rows as tuples."""
        async with self._translated():
            result = await self._connection.execute(statement, parameters)
            return [tuple(row) for row in result]

    async def insert(self, table: sa.Table, *entities: attrs.AttrsInstance) -> None:
        """Insert rows. Raise DuplicateError or NotFoundError if the database rejects one."""
        if entities:
            async with self._translated(table):
                await self._connection.execute(_insert(table), [to_row(e) for e in entities])

    async def update(
        self,
        table: sa.Table,
        entity: V,
        unchanged_columns: Sequence[str] = (),
        excluded_columns: Collection[str] = (),
    ) -> V:
        """
        Update the row of *entity* and return the entity with its new version.

        Args:
            table: The table of the entity.
            entity: The changed entity, with the version that it was read with.
            unchanged_columns: More columns that must not have changed since.
            excluded_columns: Columns that are not written, because they are counters.

        Raises:
            StaleEntityError: If the row is gone or has changed since it was read.
        """
        row = to_row(entity)
        same = *_key_columns(table), "version", *unchanged_columns
        changes = {
            name: row[name] for name in row.keys() - {*_key_columns(table), *excluded_columns}
        }
        changes |= {"version": entity.version + 1} | {
            _expected_parameter(name): row[name] for name in same
        }
        rows = await self._rows(_update_returning(table, same), table, changes)
        if not rows:
            raise StaleEntityError(table.info["noun"])
        return from_row(type(entity), rows[0])

    async def upsert(self, table: sa.Table, entity: attrs.AttrsInstance) -> None:
        """Update the row of *entity*, or insert it."""
        if not await self.replace(table, entity):
            await self.insert(table, entity)

    async def replace(self, table: sa.Table, entity: attrs.AttrsInstance) -> bool:
        """Update the row of *entity*. Return False if there is none."""
        row, keys = to_row(entity), tuple(_key_columns(table))
        changes = {name: row[name] for name in row.keys() - keys}
        changes |= {_expected_parameter(name): row[name] for name in keys}
        return bool(await self.run(_update_statement(table, keys), changes))

    async def run(
        self,
        statement: sa.Insert | sa.Update | sa.Delete,
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Run a statement and return the number of affected rows."""
        async with self._translated(
            statement.table if isinstance(statement.table, sa.Table) else None
        ):
            return (await self._connection.execute(statement, parameters)).rowcount

    async def run_each(self, statement: sa.Update, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement once for each of *parameters*."""
        async with self._translated():
            await self._connection.execute(statement, parameters)

    async def _rows(
        self,
        statement: sa.Executable,
        table: sa.Table | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Mapping[str, Any]]:
        async with self._translated(table):
            result = await self._connection.execute(statement, parameters)
            return cast("Sequence[Mapping[str, Any]]", result.mappings().all())

    @asynccontextmanager
    async def _translated(self, table: sa.Table | None = None) -> AsyncIterator[None]:
        try:
            async with shielded(table, timeout=self._pool.answer_timeout):
                yield
        except (DuplicateError, NotFoundError) as error:
            self._rejected.append(error)
            raise


def entity(cls: type[E], table: sa.Table, values: Iterator[Any]) -> E:
    """Build an entity from the next values of a row, one for each column of *table*."""
    return from_row(cls, {column.name: next(values) for column in table.c})


def with_locks(query: sa.Select[Any], *tables: sa.Table) -> sa.Select[Any]:
    """Return *query* with a lock on the rows of *tables*."""
    return query.with_for_update(of=tables, key_share=True)


def unindexed(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return *column* as an expression that no index matches, so that another index is used."""
    return sa.func.coalesce(column, column)


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _update_statement(table: sa.Table, unchanged_columns: Sequence[str]) -> sa.Update:
    """Return an update of a row on the condition that *unchanged_columns* have not changed."""
    return sa.update(table).where(
        *(table.c[name] == sa.bindparam(_expected_parameter(name)) for name in unchanged_columns)
    )


@cache
def _update_returning(table: sa.Table, unchanged_columns: Sequence[str]) -> sa.Executable:
    """Return the update of `_update_statement`, extended to return the updated row."""
    return _update_statement(table, unchanged_columns).returning(table)


def _expected_parameter(name: str) -> str:
    return f"same_{name}"


def _key_columns(table: sa.Table) -> Sequence[str]:
    """Return the columns that identify a row of *table*."""
    return ["id"] if "id" in table.c else [column.name for column in table.primary_key]
