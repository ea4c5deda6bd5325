"""What others are to be told, kept in a table."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import outbox_messages, projects
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.outbox import OutboxMessage


@frozen
class SqlOutbox:
    """Messages that nobody has taken yet, in the order in which they were added."""

    _statements: Statements

    async def add(self, message: OutboxMessage, /) -> None:
        """Keep a new message."""
        await self._statements.insert(outbox_messages, message)

    async def due(self, at: datetime, /, *, limit: int, each: int) -> Sequence[OutboxMessage]:
        """Return messages whose time has come, owner by owner, the longest due first."""
        it, older = outbox_messages.c, outbox_messages.alias("older").c
        is_behind = sa.exists().where(
            older.kind == it.kind, older.target == it.target, older.position < it.position
        )
        turn = sa.func.row_number().over(
            partition_by=(it.kind, projects.c.user_id), order_by=(it.next_at, it.position)
        )
        come = (
            sa.select(it.id, turn.label("turn"))
            .join(projects, projects.c.id == it.project_id)
            .where(it.next_at <= at, ~is_behind)
            .subquery()
        )
        query = (
            sa.select(outbox_messages)
            .join(come, come.c.id == it.id)
            .where(come.c.turn <= each)
            .order_by(come.c.turn, it.next_at, it.position)
            .limit(limit)
        )
        return await self._statements.all(OutboxMessage, query)

    async def is_waiting(self, *, kind: str, target: str) -> bool:
        """Tell whether there is a message of that kind to that target."""
        it = outbox_messages.c
        query = sa.select(it.id).where(it.kind == kind, it.target == target).limit(1)
        return await self._statements.scalar(query) is not None

    async def postpone(self, message: OutboxMessage, /) -> None:
        """Keep the attempts and the next time of a message."""
        await self._statements.run(
            sa.update(outbox_messages)
            .where(outbox_messages.c.id == message.id)
            .values(attempts=message.attempts, next_at=message.next_at)
        )

    async def remove(self, message: OutboxMessage, /) -> None:
        """Take a message away."""
        is_it = outbox_messages.c.id == message.id
        await self._statements.run(sa.delete(outbox_messages).where(is_it))
