"""Numbers that only grow."""

import sqlalchemy as sa

from pushpaka_core.adapters.sql.schema import counters
from pushpaka_core.adapters.sql.statements import Statements


async def count(statements: Statements, name: str) -> int:
    """Count one further and return the new value; the first migration made the row."""
    value = await statements.scalar(
        sa.update(counters)
        .where(counters.c.name == name)
        .values(value=counters.c.value + 1)
        .returning(counters.c.value)
    )
    return int(value)
