"""What people read and workers claim is found by an index, however much everybody has."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.adapters.sql.queries import queries

from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import (
    NOON,
    a_deployment,
    a_project,
    a_timeline_event,
    a_user,
    an_entry,
)

pytestmark = pytest.mark.anyio

OWNER = a_user()
PROJECT = a_project(OWNER)
DEPLOYMENT = a_deployment(PROJECT)
ACTOR = Actor.of(OWNER)
EVERYBODY = "ix_deployments_created"
LARGE = ("projects", "deployments", "log_lines", "timeline_events")
# What PostgreSQL takes for the number of rows on each page of a table.
CROWDED = (
    sa.update(sa.table("pg_class", *map(sa.column, ("relname", "reltuples", "relpages"))))
    .where(sa.column("relname").in_(LARGE))
    .values(reltuples=1_000_000, relpages=1)
)
READS: dict[str, Callable[[UnitOfWork], Awaitable[object]]] = {
    "get": lambda uow: uow.deployments.visible_to(ACTOR).get(DEPLOYMENT.id),
    "list": lambda uow: uow.deployments.visible_to(ACTOR).page(
        DeploymentFilter(), limit=20, offset=0
    ),
    "list of a project": lambda uow: uow.deployments.visible_to(ACTOR).page(
        DeploymentFilter(project_id=PROJECT.id), limit=20, offset=0
    ),
    "log": lambda uow: uow.logs.lines(DEPLOYMENT, LogFilter()),
    "timeline": lambda uow: uow.timeline.of_deployment(DEPLOYMENT),
    "leases": lambda uow: uow.deployments.leases(),
    "claim": lambda uow: uow.deployments.claim("worker", at=NOON),
}


async def test_no_large_table_is_read_from_one_end_to_the_other(any_url: str) -> None:
    """Nor is the index that has everybody's deployments in the order of time."""
    plans = {}
    async with crowded(any_url) as storage, storage.transaction() as uow:
        for name, read in READS.items():
            with queries(is_of_large_table) as asked:
                await read(uow)
            plans[name] = [step for query in asked for step in await plan_of(storage, *query)]

    assert all(plans.values())
    bad = *(f"{scan} {t}" for scan in ("SCAN", "Seq Scan on") for t in LARGE), EVERYBODY
    found = {n: [step for step in plan if any(b in step for b in bad)] for n, plan in plans.items()}
    assert {} == {name: steps for name, steps in found.items() if steps}


@asynccontextmanager
async def crowded(url: str) -> AsyncIterator[SqlStorage]:
    """Open a storage with little in it, of which PostgreSQL believes that it is very much."""
    async with open_storage(url, migrate=True) as storage:
        await keep(storage, OWNER, PROJECT, DEPLOYMENT)
        await keep(storage, a_timeline_event(DEPLOYMENT))
        async with storage.transaction() as uow:
            await uow.logs.append(DEPLOYMENT.id, [an_entry()])
        if url.startswith("postgresql"):
            async with storage._writing.engine.begin() as connection:
                await connection.execute(CROWDED)
        yield storage


def is_of_large_table(statement: str) -> bool:
    """Tell what is to be looked at."""
    return any(f"FROM {table}" in statement for table in LARGE)


async def plan_of(storage: SqlStorage, statement: str, parameters: Any) -> Sequence[str]:
    """Return how the database would go about a query."""
    async with storage._reading.engine.connect() as connection:
        how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        steps = await connection.exec_driver_sql(f"{how} {statement}", parameters)
        return [step[-1] for step in steps]
