"""Statements in one transaction: entities go in and come out, and errors are ours."""

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

from pushpaka_core.adapters.sql.errors import translated_errors, unavailable
from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.listings import Listing
from pushpaka_core.converters import from_row, to_row
from pushpaka_core.errors import (
    DuplicateError,
    NotFoundError,
    PushpakaError,
    StaleEntityError,
)
from pushpaka_core.ports.pages import Page


class _Versioned(attrs.AttrsInstance, Protocol):
    @property
    def version(self) -> int: ...


E = TypeVar("E", bound=attrs.AttrsInstance)
V = TypeVar("V", bound=_Versioned)

_LONGEST_TURN = "5s"
_TURN = sa.select(
    sa.func.set_config("idle_in_transaction_session_timeout", _LONGEST_TURN, True),
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("name", type_=sa.Text), 0)),
)


@asynccontextmanager
async def uninterrupted(
    table: sa.Table | None = None, *, within: timedelta | None = None
) -> AsyncIterator[None]:
    """
    Talk to the database without being cancelled in the middle, which would cost the connection.

    Whoever is cancelled already does not begin. Where the database does not answer *within*
    a time the connection is given up; StorageUnavailableError.
    """
    await checkpoint_if_cancelled()
    deadline = inf if within is None else current_time() + within.total_seconds()
    with CancelScope(shield=True, deadline=deadline) as scope, translated_errors(table):
        yield
    if scope.cancelled_caught:
        raise unavailable("it takes too long")


@frozen
class Locking:
    """A query that is asked for too often to be written anew each time, with locks and without."""

    _plain: sa.Select[Any]
    _locked: sa.Select[Any]

    @classmethod
    def of(cls, query: sa.Select[Any], *tables: sa.Table) -> Self:
        """Prepare *query*, of which the rows of *tables* are locked where others write as well."""
        return cls(query, with_locks(query, *tables))

    def on(self, statements: "Statements") -> sa.Select[Any]:
        """Return the one for the transaction of *statements*."""
        return self._locked if statements.locks_rows else self._plain


@frozen
class Statements:
    """What repositories are built on."""

    _connection: AsyncConnection
    _lane: Lane
    _refused: list[PushpakaError] = field(factory=list, init=False)

    def require_sound(self) -> None:
        """
        Return where all that was written may be committed.

        PostgreSQL would give up the whole transaction without a word where somebody goes
        on after a refusal; that is a mistake of the program, whichever database it is.
        """
        if self._refused:
            raise RuntimeError("A write was refused, and the transaction went on.") from (
                self._refused[0]
            )

    @property
    def locks_rows(self) -> bool:
        """Tell whether others write at the same time, and rows are locked here."""
        return self._lane.locks_rows

    async def all(self, cls: type[E], query: sa.Select[Any], **parameters: object) -> list[E]:
        """Return the entities that *query* finds with *parameters*."""
        return [from_row(cls, row) for row in await self._rows(query, parameters=parameters)]

    async def find(self, cls: type[E], query: sa.Select[Any]) -> E | None:
        """Return the first entity that *query* finds, or None."""
        rows = await self._rows(query.limit(1))
        return from_row(cls, rows[0]) if rows else None

    async def only(self, cls: type[E], query: sa.Select[Any], **parameters: object) -> E | None:
        """Return the entity that *query* finds with *parameters*, of which there is one or none."""
        rows = await self._rows(query, parameters=parameters)
        return from_row(cls, rows[0]) if rows else None

    async def get(self, cls: type[E], table: sa.Table, *conditions: sa.ColumnElement[bool]) -> E:
        """Return the one row of *table* that fits, locked for a change, or raise NotFoundError."""
        entity = await self.find(cls, self.locked(sa.select(table).where(*conditions), table))
        if entity is None:
            raise NotFoundError(table.info["row"])
        return entity

    async def page(self, cls: type[E], query: sa.Select[Any], limit: int, offset: int) -> Page[E]:
        """Return a part of what *query* finds, and how much it is in all."""
        return await self.listed(cls, Listing.of(query), limit=limit, offset=offset)

    async def listed(
        self, cls: type[E], listing: Listing, *, limit: int, offset: int, **parameters: object
    ) -> Page[E]:
        """Return the same of a prepared query; the last part tells by itself how much it is."""
        found = await self.all(cls, listing.part, limit=limit, offset=offset, **parameters)
        total = offset + len(found)
        if len(found) == limit or (offset and not found):
            ((total,),) = await self.tuples(listing.count, **parameters)
        return Page(items=found, total=total)

    def locked(self, query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
        """
        Return *query* so that the rows of *table* stay as they are found until they are changed.

        Where one writes at a time, or nothing is to be changed, that is so anyway.
        """
        return with_locks(query, table) if self._lane.locks_rows else query

    def unlocked(self, query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
        """Return *query* for those rows of *table* only that nobody else is changing, locked."""
        if not self._lane.locks_rows:
            return query
        return query.with_for_update(of=table, key_share=True, skip_locked=True)

    async def take_turn(self, name: str) -> None:
        """
        Wait until no other transaction has the turn called *name*, and have it to the end.

        This is for what no row stands for, and is short: who stands still loses the connection.
        """
        if self._lane.locks_rows:
            await self.tuples(_TURN, name=name)

    async def scalar(self, statement: sa.Executable) -> Any:
        """Return the first value of the first row, or None."""
        async with self._answered():
            return await self._connection.scalar(statement)

    async def tuples(
        self, statement: sa.Executable, **parameters: object
    ) -> Sequence[tuple[Any, ...]]:
        """Return plain rows."""
        async with self._answered():
            result = await self._connection.execute(statement, parameters)
            return [tuple(row) for row in result]

    async def insert(self, table: sa.Table, *entities: attrs.AttrsInstance) -> None:
        """Keep new rows; DuplicateError, NotFoundError."""
        if entities:
            async with self._answered(table):
                await self._connection.execute(_insert(table), [to_row(e) for e in entities])

    async def update(
        self,
        table: sa.Table,
        entity: V,
        unless_other: Sequence[str] = (),
        leave: Collection[str] = (),
    ) -> V:
        """
        Write *entity* over the row that it was made from, and return it as kept.

        The columns to *leave* are counted in other ways.

        Raises:
            StaleEntityError: If the row is gone, of another version, or of another value in
                one of the columns of *unless_other*.
        """
        row = to_row(entity)
        same = *_keys(table), "version", *unless_other
        changes = {name: row[name] for name in row.keys() - {*_keys(table), *leave}}
        changes |= {"version": entity.version + 1} | {_same(name): row[name] for name in same}
        rows = await self._rows(_change_back(table, same), table, changes)
        if not rows:
            raise StaleEntityError(table.info["row"])
        return from_row(type(entity), rows[0])

    async def put(self, table: sa.Table, entity: attrs.AttrsInstance) -> None:
        """Keep *entity* instead of the row that it was before, or as a new one."""
        row, keys = to_row(entity), tuple(_keys(table))
        changes = {name: row[name] for name in row.keys() - keys}
        changes |= {_same(name): row[name] for name in keys}
        if not await self.run(_change(table, keys), changes):
            await self.insert(table, entity)

    async def run(
        self,
        statement: sa.Insert | sa.Update | sa.Delete,
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Change rows, and return how many."""
        async with self._answered(
            statement.table if isinstance(statement.table, sa.Table) else None
        ):
            return (await self._connection.execute(statement, parameters)).rowcount

    async def run_each(self, statement: sa.Update, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Change rows by the same statement with each of *parameters*."""
        async with self._answered():
            await self._connection.execute(statement, parameters)

    async def _rows(
        self,
        statement: sa.Executable,
        table: sa.Table | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Mapping[str, Any]]:
        async with self._answered(table):
            result = await self._connection.execute(statement, parameters)
            return cast("Sequence[Mapping[str, Any]]", result.mappings().all())

    @asynccontextmanager
    async def _answered(self, table: sa.Table | None = None) -> AsyncIterator[None]:
        try:
            async with uninterrupted(table, within=self._lane.deadline):
                yield
        except (DuplicateError, NotFoundError) as error:
            self._refused.append(error)
            raise


def entity(cls: type[E], table: sa.Table, values: Iterator[Any]) -> E:
    """Return what the next of *values* say, as many as *table* has columns."""
    return from_row(cls, {column.name: next(values) for column in table.c})


def with_locks(query: sa.Select[Any], *tables: sa.Table) -> sa.Select[Any]:
    """Return *query* with the rows of *tables* locked, so that nobody else changes them."""
    return query.with_for_update(of=tables, key_share=True)


def apart_from_indexes(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return *column* for where its index leads through more rows than another one does."""
    return sa.func.coalesce(column, column)


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _change(table: sa.Table, same: Sequence[str]) -> sa.Update:
    """Return the change of a row that is the *same* yet in some columns."""
    return sa.update(table).where(*(table.c[name] == sa.bindparam(_same(name)) for name in same))


@cache
def _change_back(table: sa.Table, same: Sequence[str]) -> sa.Executable:
    """Return the same change, which gives back what has become of the row."""
    return _change(table, same).returning(table)


def _same(name: str) -> str:
    return f"same_{name}"


def _keys(table: sa.Table) -> Sequence[str]:
    """Return the columns by which a row of *table* is found."""
    return ["id"] if "id" in table.c else [column.name for column in table.primary_key]
