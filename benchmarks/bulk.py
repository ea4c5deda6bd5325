"""Fills a database with many deployments and log lines, which it generates from a few rows."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from benchmarks.databases import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.schema import deployments, log_lines, projects, users
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON

DEPLOYMENTS_PER_OWNER = 1000
"""Deployments of each owner, and lines of the log that is read."""
_FIRST_ID = 1 << 40
_FAST_INSERT_SETTINGS = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF"),
    "postgresql": ("SET session_replication_role = replica",),
}


@frozen(kw_only=True)
class FilledDatabase:
    """The objects in a filled database that a benchmark reads."""

    owner: User
    project: Project
    deployment: Deployment
    """Has as many log lines as each owner has deployments."""


async def fill(url: str, *, all_deployments: int, lines: int) -> FilledDatabase:
    """
    Fill a database with owners of a thousand deployments each, and distribute *lines* over
    them.
    """
    owners = [a_user() for _ in range(all_deployments // DEPLOYMENTS_PER_OWNER)]
    homes = [a_project(owner) for owner in owners]
    over = {"status": DeploymentStatus.FAILED, "started_at": NOON, "finished_at": NOON}
    firsts = [a_deployment(home, sequence=1, **over) for home in homes]
    entry = a_log_entry("[ 1234] Compiling src/pages/product.tsx -> .next/server/product.js")
    log = [
        LogLine.of(entry, deployment_id=firsts[0].id, seq=n + 1)
        for n in range(DEPLOYMENTS_PER_OWNER)
    ]
    await insert(url, users, owners)
    await insert(url, projects, homes)
    await insert(url, deployments, firsts)
    await insert(url, log_lines, log)
    async with (
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (writing, _),
        _fast_inserts(writing) as connection,
    ):
        for number, first in enumerate(firsts):
            async with connection.begin():
                await _multiply(connection, first, _FIRST_ID + number * DEPLOYMENTS_PER_OWNER)
                await _write_logs(connection, log[0], first, lines // all_deployments)
    return FilledDatabase(owner=owners[0], project=homes[0], deployment=firsts[0])


@asynccontextmanager
async def _fast_inserts(connection_pool: ConnectionPool) -> AsyncIterator[AsyncConnection]:
    """Disable foreign keys, and create indexes after all rows are inserted."""
    async with connection_pool.engine.connect() as connection:
        for statement in _FAST_INSERT_SETTINGS[connection.dialect.name]:
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
                # Autovacuum would analyze the table only after a while.
                await connection.execute(sa.text("ANALYZE"))


async def _multiply(connection: AsyncConnection, first: Deployment, start: int) -> None:
    """Insert copies of *first* with other ids and sequence numbers."""
    series = _series(DEPLOYMENTS_PER_OWNER - 1)
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
    """Insert at most *most* lines for each deployment of the project except *first*."""
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
    """Return the numbers from 1 to *most*."""
    first = sa.select(sa.literal(1).label("i")).cte("series", recursive=True)
    return first.union_all(sa.select(first.c.i + 1).where(first.c.i < most))
