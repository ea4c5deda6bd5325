"""Very many deployments and lines of logs, made by the database itself out of a few."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from benchmarks.databases import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.schema import deployments, log_lines, projects, users
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import User
from pushpaka_core.testing.objects import NOON, a_deployment, a_project, a_user, an_entry

OF_EACH = 1000
"""Deployments of each owner, and lines of the log that is read."""
_FIRST_ID = 1 << 40
_HASTE = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF"),
    "postgresql": ("SET session_replication_role = replica",),
}


@frozen(kw_only=True)
class Filled:
    """What is asked of a database that is full."""

    owner: User
    project: Project
    deployment: Deployment
    """With as many lines as one has deployments."""


async def fill(url: str, *, all_deployments: int, lines: int) -> Filled:
    """Give owners a thousand deployments each, of which each has its part of the lines."""
    owners = [a_user() for _ in range(all_deployments // OF_EACH)]
    homes = [a_project(owner) for owner in owners]
    over = {"status": DeploymentStatus.FAILED, "started_at": NOON, "finished_at": NOON}
    firsts = [a_deployment(home, sequence=1, **over) for home in homes]
    entry = an_entry("[ 1234] Compiling src/pages/product.tsx -> .next/server/product.js")
    log = [LogLine.of(entry, deployment_id=firsts[0].id, seq=n + 1) for n in range(OF_EACH)]
    await insert(url, users, owners)
    await insert(url, projects, homes)
    await insert(url, deployments, firsts)
    await insert(url, log_lines, log)
    async with open_lanes(url, patience=PATIENCE) as (writing, _), _hurried(writing) as connection:
        for number, first in enumerate(firsts):
            async with connection.begin():
                await _multiply(connection, first, _FIRST_ID + number * OF_EACH)
                await _write_logs(connection, log[0], first, lines // all_deployments)
    return Filled(owner=owners[0], project=homes[0], deployment=firsts[0])


@asynccontextmanager
async def _hurried(lane: Lane) -> AsyncIterator[AsyncConnection]:
    """Write without a look at what rows refer to, and make indexes once all rows are there."""
    async with lane.engine.connect() as connection:
        for statement in _HASTE[connection.dialect.name]:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(statement)
        async with connection.begin():
            for index in deployments.indexes:
                await connection.run_sync(index.drop)
        yield connection
        async with connection.begin():
            for index in deployments.indexes:
                await connection.run_sync(index.create)
            if connection.dialect.name == "postgresql":
                # Its server does so by itself after a while.
                await connection.execute(sa.text("ANALYZE"))


async def _multiply(connection: AsyncConnection, first: Deployment, start: int) -> None:
    """Make further deployments that differ from the first one by id and sequence."""
    series = _series(OF_EACH - 1)
    is_it = deployments.c.id == first.id
    number = sa.cast(start, sa.BigInteger) + series.c.i
    id_: sa.ColumnElement[Any] = sa.func.printf("%032x", number)
    if connection.dialect.name == "postgresql":
        id_ = sa.cast(sa.func.lpad(sa.func.to_hex(number), 32, "0"), sa.Uuid)
    changes = {"id": id_, "sequence": series.c.i + 1}
    await _copy(connection, deployments, changes, deployments.join(series, is_it))


async def _write_logs(
    connection: AsyncConnection, line: LogLine, first: Deployment, most: int
) -> None:
    """Give each deployment of the project but the first one so many lines."""
    series = _series(most)
    is_line = (log_lines.c.deployment_id == line.deployment_id) & (log_lines.c.seq == line.seq)
    is_other = (deployments.c.project_id == first.project_id) & (deployments.c.sequence > 1)
    changes = {"deployment_id": deployments.c.id, "seq": series.c.i}
    source = log_lines.join(deployments, is_line & is_other).join(series, sa.true())
    await _copy(connection, log_lines, changes, source)


async def _copy(
    connection: AsyncConnection,
    table: sa.Table,
    changes: Mapping[str, sa.ColumnElement[Any]],
    source: sa.FromClause,
) -> None:
    columns = {column.name: changes.get(column.name, column) for column in table.c}
    query = sa.select(*columns.values()).select_from(source)
    await connection.execute(sa.insert(table).from_select(list(columns), query))


def _series(most: int) -> sa.CTE:
    """Count from 1 to *most*."""
    first = sa.select(sa.literal(1).label("i")).cte("series", recursive=True)
    return first.union_all(sa.select(first.c.i + 1).where(first.c.i < most))
