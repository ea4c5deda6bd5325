"""Numbers that only grow."""

from collections.abc import Mapping

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import counters
from pushpaka_core.adapters.sql.statements import Statements

_TALLY = "tally_"
"""How the names of tallies begin among those of other counters."""


async def count(statements: Statements, name: str, *, above: int = 0) -> int:
    """Count one further, or on from *above*; the first migration made the row."""
    reached = sa.case((counters.c.value > above, counters.c.value), else_=above)
    value = await statements.scalar(
        sa.update(counters)
        .where(counters.c.name == name)
        .values(value=reached + 1)
        .returning(counters.c.value)
    )
    return int(value)


async def counted(statements: Statements, name: str) -> int:
    """Return how far was counted."""
    return int(await statements.scalar(sa.select(counters.c.value).where(counters.c.name == name)))


@frozen
class _Counter:
    """A new row."""

    name: str
    value: int


@frozen
class SqlTallies:
    """What workers have counted."""

    _statements: Statements

    async def add(self, counts: Mapping[str, int], /) -> None:
        """Count on by *counts*, in a turn, as a row that is not there yet cannot be locked."""
        if not counts:
            return
        await self._statements.take_turn("tallies")
        for name, value in counts.items():
            await self._add(_TALLY + name, value)

    async def all(self) -> Mapping[str, int]:
        """Return how far each was counted."""
        query = sa.select(counters.c.name, counters.c.value).where(
            counters.c.name.startswith(_TALLY, autoescape=True)
        )
        rows = await self._statements.tuples(query)
        return {name.removeprefix(_TALLY): value for name, value in rows}

    async def _add(self, name: str, value: int) -> None:
        further = sa.update(counters).where(counters.c.name == name)
        if not await self._statements.run(further.values(value=counters.c.value + value)):
            await self._statements.insert(counters, _Counter(name, value))
