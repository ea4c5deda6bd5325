"""Logs and timelines, kept in tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.deployments import is_held, lease_lost
from pushpaka_core.adapters.sql.schema import deployments, log_lines, timeline_events
from pushpaka_core.adapters.sql.statements import Statements, apart_from_indexes
from pushpaka_core.domain.deployment_steps import FINAL, SERVING
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease
from pushpaka_core.domain.events import TimelineEvent
from pushpaka_core.domain.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.errors import NotFoundError


@frozen
class SqlLogs:
    """What deployments said."""

    _statements: Statements

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        """Number the entries by the deployment's own count, keep them and return them."""
        last_seq = await self._count(deployment_id, len(entries), fence)
        first = last_seq - len(entries) + 1
        lines = [
            LogLine.of(entry, deployment_id=deployment_id, seq=seq)
            for seq, entry in enumerate(entries, first)
        ]
        await self._statements.insert(log_lines, *lines)
        return lines

    async def lines(self, deployment: Deployment, wanted: LogFilter, /) -> Sequence[LogLine]:
        """Return lines in the order of their numbers."""
        query = (
            sa.select(log_lines)
            .where(log_lines.c.deployment_id == deployment.id, *_fitting(wanted))
            .order_by(log_lines.c.seq)
            .limit(wanted.limit)
        )
        if wanted.most_characters is not None:
            query = _first(query, wanted.most_characters)
        return await self._statements.all(LogLine, query)

    async def excess(self, deployment_id: DeploymentId, /, *, most_characters: int) -> int:
        """Return the `seq` up to which lines have to go for the others to fit, or 0."""
        seq, size = log_lines.c.seq, sa.func.length(log_lines.c.message) + 1
        with_newer = (
            sa.select(seq, sa.func.sum(size).over(order_by=seq.desc()).label("size"))
            .where(log_lines.c.deployment_id == deployment_id)
            .subquery()
        )
        newest = sa.select(sa.func.max(with_newer.c.seq))
        return await self._statements.scalar(newest.where(with_newer.c.size > most_characters)) or 0

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        """Remove the oldest lines, up to a `seq` and so many at most, and return how many."""
        is_its = log_lines.c.deployment_id == deployment_id
        first = sa.select(sa.func.min(log_lines.c.seq)).where(is_its)
        oldest = await self._statements.scalar(first)
        if oldest is None:
            return 0
        last = oldest + limit - 1 if up_to is None else min(oldest + limit - 1, up_to)
        return await self._statements.run(
            sa.delete(log_lines).where(is_its, log_lines.c.seq <= last)
        )

    async def _count(self, id: DeploymentId, number: int, fence: int | None) -> int:
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
        raise lease_lost()


def _fitting(wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [log_lines.c.seq > wanted.after]
    if wanted.stream is not None:
        conditions.append(log_lines.c.stream == wanted.stream)
    if wanted.level is not None:
        conditions.append(log_lines.c.level == wanted.level)
    if wanted.contains:
        message = sa.func.lower(log_lines.c.message, type_=log_lines.c.message.type)
        conditions.append(message.contains(wanted.contains.lower(), autoescape=True))
    return conditions


def _first(query: sa.Select[Any], most_characters: int) -> sa.Select[Any]:
    """Return the first lines of *query* that have so many characters, or its first one."""
    lines = query.subquery()
    size = sa.func.length(lines.c.message)
    so_far = sa.func.sum(size).over(order_by=lines.c.seq).label("so_far")
    counted = sa.select(lines, size.label("size"), so_far).subquery()
    is_first = counted.c.so_far == counted.c.size
    return (
        sa.select(counted)
        .where((counted.c.so_far <= most_characters) | is_first)
        .order_by(counted.c.seq)
    )


@frozen
class SqlTimeline:
    """The steps of deployments."""

    _statements: Statements

    async def add(self, event: TimelineEvent, /) -> None:
        """Keep a step."""
        await self._statements.insert(timeline_events, event)

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        """Return the steps of one deployment in the order in which they were added."""
        query = (
            sa.select(timeline_events)
            .where(timeline_events.c.deployment_id == deployment.id)
            .order_by(timeline_events.c.position)
        )
        return await self._statements.all(TimelineEvent, query)

    async def bygone(self, before: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        """Return deployments that are final and whose last step was taken before a time."""
        steps, further = timeline_events, timeline_events.alias("further")
        old = sa.select(steps.c.deployment_id).where(steps.c.created_at < before)
        # The index of what is over would have SQLite look at all of it.
        status = apart_from_indexes(deployments.c.status)
        goes_on = further.c.deployment_id == deployments.c.id, further.c.created_at >= before
        query = (
            sa.select(deployments.c.id)
            .where(deployments.c.id.in_(old), status.in_(FINAL))
            .where(~sa.exists().where(*goes_on))
            .limit(limit)
        )
        return [DeploymentId(row[0]) for row in await self._statements.tuples(query)]

    async def overlong(self, most: int, /) -> Sequence[DeploymentId]:
        """Return deployments that serve and have more than so many steps."""
        query = (
            sa.select(timeline_events.c.deployment_id)
            .join(deployments)
            .where(deployments.c.status.in_(SERVING))
            .group_by(timeline_events.c.deployment_id)
            .having(sa.func.count() > most)
        )
        return [DeploymentId(row[0]) for row in await self._statements.tuples(query)]

    async def remove(self, deployment_id: DeploymentId, /, *, but_newest: int = 0) -> None:
        """Remove the steps of one deployment, but for so many."""
        is_its, position = (
            timeline_events.c.deployment_id == deployment_id,
            timeline_events.c.position,
        )
        newest = sa.select(position).where(is_its).order_by(position.desc()).limit(but_newest)
        is_old = position.not_in(newest)
        await self._statements.run(sa.delete(timeline_events).where(is_its, is_old))
