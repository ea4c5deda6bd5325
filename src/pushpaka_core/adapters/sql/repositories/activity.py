"""Statistics about deployments, computed by the database."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from pushpaka_core.adapters.sql.repositories.queue import is_in_progress
from pushpaka_core.adapters.sql.schema import deployments
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deployments.deployments import DeploymentKind
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.platform.activity import (
    SUCCEEDED_STATUSES,
    DurationPercentiles,
    QueueLength,
)


class _Day(FunctionElement[str]):
    """The UTC date of a timestamp, for example `2026-11-27`."""

    type = sa.Text()
    inherit_cache = True


class _Milliseconds(FunctionElement[int]):
    """The milliseconds between two timestamps."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(_Day, "sqlite")
def _day_on_sqlite(element: _Day, compiler: SQLCompiler, **more: Any) -> str:
    return f"substr({compiler.process(element.clauses, **more)}, 1, 10)"


@compiles(_Day, "postgresql")
def _day_on_postgres(element: _Day, compiler: SQLCompiler, **more: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **more)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


@compiles(_Milliseconds, "sqlite")
def _milliseconds_on_sqlite(element: _Milliseconds, compiler: SQLCompiler, **more: Any) -> str:
    begin, end = (compiler.process(each, **more) for each in element.clauses)
    return f"CAST(round((julianday({end}) - julianday({begin})) * 86400000) AS INTEGER)"


@compiles(_Milliseconds, "postgresql")
def _milliseconds_on_postgres(element: _Milliseconds, compiler: SQLCompiler, **more: Any) -> str:
    begin, end = (compiler.process(each, **more) for each in element.clauses)
    return f"CAST(round(EXTRACT(EPOCH FROM {end} - {begin}) * 1000) AS BIGINT)"


@frozen
class SqlDeploymentStatistics:
    """SQL implementation of `DeploymentStatistics`."""

    _statements: Statements

    async def queue_length(self) -> QueueLength:
        is_waiting = deployments.c.status == DeploymentStatus.QUEUED
        query = sa.select(sa.func.count(), sa.func.min(deployments.c.created_at)).where(is_waiting)
        ((queued, oldest),) = await self._statements.tuples(query)
        in_progress = sa.select(sa.func.count()).where(is_in_progress(deployments))
        return QueueLength(
            queued=queued,
            in_progress=await self._statements.scalar(in_progress),
            oldest_queued_at=oldest,
        )

    async def counts_by_day(
        self, start: datetime, /
    ) -> Mapping[tuple[date, DeploymentStatus], int]:
        day = _Day(deployments.c.created_at).label("day")
        query = (
            sa.select(day, deployments.c.status, sa.func.count())
            .where(deployments.c.created_at >= start)
            .group_by("day", deployments.c.status)
        )
        return {
            (date.fromisoformat(day), DeploymentStatus(status)): number
            for day, status, number in await self._statements.tuples(query)
        }

    async def durations_by_day(self, start: datetime, /) -> Mapping[date, DurationPercentiles]:
        duration = _Milliseconds(deployments.c.started_at, deployments.c.finished_at)
        is_built = deployments.c.kind == DeploymentKind.DEPLOY
        has_run = deployments.c.status.in_(sorted(SUCCEEDED_STATUSES))
        # A CASE, because SQLite would otherwise use the index of statuses and scan all deployments.
        took = sa.case((sa.and_(is_built, has_run), duration))
        by_day = (
            sa.select(_Day(deployments.c.created_at).label("day"), took.label("took"))
            .where(deployments.c.created_at >= start, took.is_not(None))
            .subquery()
        )
        day = by_day.c.day
        rank = sa.func.row_number().over(partition_by=day, order_by=by_day.c.took)
        number = sa.func.count().over(partition_by=day)
        ranked = sa.select(by_day, rank.label("rank"), number.label("number")).subquery()
        query = sa.select(ranked.c.day, _at_rank(ranked, 50), _at_rank(ranked, 95)).group_by(
            ranked.c.day
        )
        return {
            date.fromisoformat(day): DurationPercentiles(
                median=timedelta(milliseconds=median), p95=timedelta(milliseconds=p95)
            )
            for day, median, p95 in await self._statements.tuples(query)
        }


def _at_rank(ranked_rows: sa.Subquery, percent: int) -> sa.ColumnElement[int]:
    is_there = ranked_rows.c.rank * 100 >= ranked_rows.c.number * percent
    return sa.func.min(sa.case((is_there, ranked_rows.c.took)))
