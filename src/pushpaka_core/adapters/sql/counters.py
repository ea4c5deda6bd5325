"""Counters in the database."""

from collections.abc import Mapping

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import counters
from pushpaka_core.adapters.sql.statements import Statements

_METRIC_PREFIX = "tally_"
"""Prefix of the workers' metrics, which share a table with other counters."""


async def increment(statements: Statements, name: str, *, lower_bound: int = 0) -> int:
    """
    Increment a counter and return it. The result is greater than *lower_bound*.

    The row is inserted by the first migration.
    """
    reached = sa.case((counters.c.value > lower_bound, counters.c.value), else_=lower_bound)
    value = await statements.scalar(
        sa.update(counters)
        .where(counters.c.name == name)
        .values(value=reached + 1)
        .returning(counters.c.value)
    )
    return int(value)


async def current_value(statements: Statements, name: str) -> int:
    """Return the value of a counter."""
    return int(await statements.scalar(sa.select(counters.c.value).where(counters.c.name == name)))


@frozen
class _CounterRow:
    """A row of the table of counters."""

    name: str
    value: int


@frozen
class SqlWorkerMetrics:
    """SQL implementation of `Counters`."""

    _statements: Statements

    async def add(self, counts: Mapping[str, int], /) -> None:
        """Add *counts* to the stored values."""
        if not counts:
            return
        await self._statements.advisory_lock("tallies")
        for name, value in counts.items():
            await self._add(_METRIC_PREFIX + name, value)

    async def all(self) -> Mapping[str, int]:
        """Return the stored values."""
        query = sa.select(counters.c.name, counters.c.value).where(
            counters.c.name.startswith(_METRIC_PREFIX, autoescape=True)
        )
        rows = await self._statements.tuples(query)
        return {name.removeprefix(_METRIC_PREFIX): value for name, value in rows}

    async def _add(self, name: str, value: int) -> None:
        further = sa.update(counters).where(counters.c.name == name)
        if not await self._statements.run(further.values(value=counters.c.value + value)):
            await self._statements.insert(counters, _CounterRow(name, value))
