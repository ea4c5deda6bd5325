"""Logs and timelines of deployments in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.deployments import is_held
from pushpaka_core.adapters.sql.schema import deployments, log_lines, timeline_events
from pushpaka_core.adapters.sql.statements import Statements, unindexed
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import FINAL, SERVING
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.logs.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.errors import LeaseLostError, NotFoundError


@frozen
class SqlLogs:
    """SQL implementation of `Logs`."""

    _statements: Statements

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        last_seq = await self._advance_counter(deployment_id, len(entries), fence)
        first = last_seq - len(entries) + 1
        lines = [
            LogLine.of(entry, deployment_id=deployment_id, seq=seq)
            for seq, entry in enumerate(entries, first)
        ]
        await self._statements.insert(log_lines, *lines)
        return lines

    async def lines(self, deployment: Deployment, log_filter: LogFilter, /) -> Sequence[LogLine]:
        query = (
            sa.select(log_lines)
            .where(log_lines.c.deployment_id == deployment.id, *_conditions(log_filter))
            .order_by(log_lines.c.seq)
            .limit(log_filter.limit)
        )
        if log_filter.max_characters is not None:
            query = _limited_to_characters(query, log_filter.max_characters)
        return await self._statements.all(LogLine, query)

    async def last_excess_seq(self, deployment_id: DeploymentId, /, *, max_characters: int) -> int:
        seq, size = log_lines.c.seq, sa.func.length(log_lines.c.message) + 1
        with_newer = (
            sa.select(seq, sa.func.sum(size).over(order_by=seq.desc()).label("size"))
            .where(log_lines.c.deployment_id == deployment_id)
            .subquery()
        )
        newest = sa.select(sa.func.max(with_newer.c.seq))
        return await self._statements.scalar(newest.where(with_newer.c.size > max_characters)) or 0

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        is_its = log_lines.c.deployment_id == deployment_id
        first = sa.select(sa.func.min(log_lines.c.seq)).where(is_its)
        oldest = await self._statements.scalar(first)
        if oldest is None:
            return 0
        last = oldest + limit - 1 if up_to is None else min(oldest + limit - 1, up_to)
        return await self._statements.run(
            sa.delete(log_lines).where(is_its, log_lines.c.seq <= last)
        )

    async def _advance_counter(self, id: DeploymentId, number: int, fence: int | None) -> int:
        is_writable = (
            deployments.c.id == id
            if fence is None
            else is_held(Lease(deployment_id=id, fence=fence))
        )
        last_seq = await self._statements.scalar(
            sa.update(deployments)
            .where(is_writable)
            .values(last_seq=deployments.c.last_seq + number)
            .returning(deployments.c.last_seq)
        )
        if last_seq is not None:
            return int(last_seq)
        if fence is None:
            raise NotFoundError("deployment")
        raise LeaseLostError("deployment")


def _conditions(log_filter: LogFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [log_lines.c.seq > log_filter.after]
    if log_filter.stream is not None:
        conditions.append(log_lines.c.stream == log_filter.stream)
    if log_filter.level is not None:
        conditions.append(log_lines.c.level == log_filter.level)
    if log_filter.contains:
        message = sa.func.lower(log_lines.c.message, type_=log_lines.c.message.type)
        conditions.append(message.contains(log_filter.contains.lower(), autoescape=True))
    return conditions


def _limited_to_characters(query: sa.Select[Any], max_characters: int) -> sa.Select[Any]:
    """Return the first lines of *query* with at most *max_characters*, but at least one line."""
    lines = query.subquery()
    size = sa.func.length(lines.c.message)
    so_far = sa.func.sum(size).over(order_by=lines.c.seq).label("so_far")
    counted = sa.select(lines, size.label("size"), so_far).subquery()
    is_first = counted.c.so_far == counted.c.size
    return (
        sa.select(counted)
        .where((counted.c.so_far <= max_characters) | is_first)
        .order_by(counted.c.seq)
    )


@frozen
class SqlTimeline:
    """SQL implementation of `TimelineEvents`."""

    _statements: Statements

    async def add(self, event: TimelineEvent, /) -> None:
        await self._statements.insert(timeline_events, event)

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        query = (
            sa.select(timeline_events)
            .where(timeline_events.c.deployment_id == deployment.id)
            .order_by(timeline_events.c.position)
        )
        return await self._statements.all(TimelineEvent, query)

    async def list_expired(self, cutoff: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        steps, further = timeline_events, timeline_events.alias("further")
        old = sa.select(steps.c.deployment_id).where(steps.c.created_at < cutoff)
        # With the index on statuses, SQLite would scan all finished deployments.
        status = unindexed(deployments.c.status)
        goes_on = further.c.deployment_id == deployments.c.id, further.c.created_at >= cutoff
        query = (
            sa.select(deployments.c.id)
            .where(deployments.c.id.in_(old), status.in_(FINAL))
            .where(~sa.exists().where(*goes_on))
            .limit(limit)
        )
        return [DeploymentId(row[0]) for row in await self._statements.tuples(query)]

    async def list_with_too_many_events(self, limit: int, /) -> Sequence[DeploymentId]:
        query = (
            sa.select(timeline_events.c.deployment_id)
            .join(deployments)
            .where(deployments.c.status.in_(SERVING))
            .group_by(timeline_events.c.deployment_id)
            .having(sa.func.count() > limit)
        )
        return [DeploymentId(row[0]) for row in await self._statements.tuples(query)]

    async def remove(self, deployment_id: DeploymentId, /, *, keep_newest: int = 0) -> None:
        is_its, position = (
            timeline_events.c.deployment_id == deployment_id,
            timeline_events.c.position,
        )
        newest = sa.select(position).where(is_its).order_by(position.desc()).limit(keep_newest)
        is_old = position.not_in(newest)
        await self._statements.run(sa.delete(timeline_events).where(is_its, is_old))
