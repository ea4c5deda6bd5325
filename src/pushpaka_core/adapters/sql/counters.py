"""Numbers that only grow."""

import sqlalchemy as sa

from pushpaka_core.adapters.sql.schema import counters
from pushpaka_core.adapters.sql.statements import Statements


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
