"""The outbox in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import outbox_messages, projects
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.integrations.outbox import OutboxMessage


@frozen
class SqlOutbox:
    """SQL implementation of `Outbox`."""

    _statements: Statements

    async def add(self, message: OutboxMessage, /) -> None:
        await self._statements.insert(outbox_messages, message)

    async def list_due(
        self, now: datetime, /, *, limit: int, limit_per_owner: int
    ) -> Sequence[OutboxMessage]:
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
            .where(it.next_at <= now, ~is_behind)
            .subquery()
        )
        query = (
            sa.select(outbox_messages)
            .join(come, come.c.id == it.id)
            .where(come.c.turn <= limit_per_owner)
            .order_by(come.c.turn, it.next_at, it.position)
            .limit(limit)
        )
        return await self._statements.all(OutboxMessage, query)

    async def has_message(self, *, kind: str, target: str) -> bool:
        it = outbox_messages.c
        query = sa.select(it.id).where(it.kind == kind, it.target == target).limit(1)
        return await self._statements.scalar(query) is not None

    async def store_attempt(self, message: OutboxMessage, /) -> None:
        await self._statements.run(
            sa.update(outbox_messages)
            .where(outbox_messages.c.id == message.id)
            .values(attempts=message.attempts, next_at=message.next_at)
        )

    async def remove(self, message: OutboxMessage, /) -> None:
        is_it = outbox_messages.c.id == message.id
        await self._statements.run(sa.delete(outbox_messages).where(is_it))
