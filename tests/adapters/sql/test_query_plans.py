"""Tests that frequent queries use an index, and that no query scans a large table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.state_machine import SERVING
from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry, a_timeline_event
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.stored_objects import store

pytestmark = pytest.mark.anyio

Read = Callable[[UnitOfWork], Awaitable[object]]

OWNER = a_user()
PROJECT = a_project(OWNER)
DEPLOYMENT = a_deployment(PROJECT)
ACTOR = Actor.from_user(OWNER)
OUTSIDER = Actor(user_id=UserId(UUID(int=1)))
LARGE = ("projects", "deployments", "log_lines", "timeline_events")
SCANS = (
    *(f"{scan} {t}" for scan in ("SCAN", "Seq Scan on") for t in LARGE),
    "ix_deployments_created",
)
"""Matches scans of large tables, and of the deployments of all users sorted by time."""
# How many rows PostgreSQL expects on each page of a table.
CROWDED = (
    sa.update(sa.table("pg_class", *map(sa.column, ("relname", "reltuples", "relpages"))))
    .where(sa.column("relname").in_(LARGE))
    .values(reltuples=1_000_000, relpages=1)
)
READS: dict[str, Read] = {
    "get": lambda uow: uow.deployments.visible_to(ACTOR).get(DEPLOYMENT.id),
    "list": lambda uow: uow.deployments.visible_to(ACTOR).page(
        DeploymentFilter(), limit=20, offset=0
    ),
    "list of a project": lambda uow: uow.deployments.visible_to(ACTOR).page(
        DeploymentFilter(project_id=PROJECT.id), limit=20, offset=0
    ),
    "log": lambda uow: uow.logs.lines(DEPLOYMENT, LogFilter()),
    "timeline": lambda uow: uow.timeline_events.of_deployment(DEPLOYMENT),
    "leases": lambda uow: uow.deployments.leases(),
    "claim": lambda uow: uow.deployments.claim("worker", now=NOON),
}
INDEXED: list[tuple[str, Read]] = [
    ("ix_custom_domains_due", lambda uow: _domains(uow).list_due(NOON, limit=20)),
    ("ix_custom_domains_changed", lambda uow: _domains(uow).list_changed_since(NOON)),
    ("uq_custom_domains_verified", lambda uow: _domains(uow).list_verified({"a.example.com"})),
    ("ix_outbox_messages_due", lambda uow: uow.outbox.list_due(NOON, limit=20, limit_per_owner=4)),
    (
        "SEARCH deployments USING INDEX ix_deployments_release",
        lambda uow: uow.deployments.list_with_artifact([PROJECT], SERVING),
    ),
    ("ix_timeline_events_created", lambda uow: uow.timeline_events.list_expired(NOON, limit=5)),
    ("sqlite_autoindex_deployments_1", lambda uow: uow.timeline_events.list_expired(NOON, limit=5)),
    ("ix_deployments_created", lambda uow: uow.statistics.counts_by_day(NOON)),
    ("ix_deployments_created", lambda uow: uow.statistics.durations_by_day(NOON)),
    ("ix_deployments_status", lambda uow: uow.statistics.queue_length()),
    ("ix_deployments_status", lambda uow: uow.deployments.visible_to(OUTSIDER).versions(None)),
    (
        "SEARCH other USING COVERING INDEX ix_deployments_waiting (status=? AND user_id>?)",
        lambda uow: uow.deployments.claim("worker", now=NOON),
    ),
]


async def test_large_tables_are_not_scanned(any_url: str) -> None:
    plans = {}
    async with open_crowded_storage(any_url) as storage, storage.transaction() as uow:
        for name, read in READS.items():
            with record_queries(
                lambda statement: any(f"FROM {table}" in statement for table in LARGE)
            ) as asked:
                await read(uow)
            plans[name] = [step for query in asked for step in await plan_of(storage, *query)]

    assert all(plans.values())
    found = {n: [step for step in p if any(s in step for s in SCANS)] for n, p in plans.items()}
    assert {} == {name: steps for name, steps in found.items() if steps}


async def test_frequent_queries_use_an_index(migrated_url: str) -> None:
    """The queries scan neither a whole table nor a whole index."""
    async with open_storage(migrated_url, migrate=False) as storage:
        for index, read in INDEXED:
            with record_queries(reads_indexed_table) as asked:
                async with storage.snapshot() as uow:
                    await read(uow)

            plan = await plan_of(storage, *asked[-1])
            assert index in " ".join(plan)
            tables = ("custom", "timeline", "releases", "outbox", "deployments")
            assert [] == [
                step for step in plan if step.startswith(tuple(f"SCAN {t}" for t in tables))
            ]


def reads_indexed_table(statement: str) -> bool:
    tables = "outbox_messages", "FROM deployments"
    return statement.startswith("SELECT custom_domains.") or any(t in statement for t in tables)


@asynccontextmanager
async def open_crowded_storage(url: str) -> AsyncIterator[SqlStorage]:
    """Open a storage with few rows, and with statistics that make PostgreSQL assume many."""
    async with open_storage(url, migrate=False) as storage:
        await store(storage, OWNER, PROJECT, DEPLOYMENT, a_timeline_event(DEPLOYMENT))
        async with storage.transaction() as uow:
            await uow.logs.append(DEPLOYMENT.id, [a_log_entry()])
        if url.startswith("postgresql"):
            async with storage._write_pool.engine.begin() as connection:
                await connection.execute(CROWDED)
        yield storage


@contextmanager
def record_queries(is_wanted: Callable[[str], bool]) -> Iterator[list[tuple[str, Any]]]:
    """Record the selected statements with their parameters until the block ends."""
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if is_wanted(statement):
            asked.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def plan_of(storage: SqlStorage, statement: str, parameters: Any) -> Sequence[str]:
    """Return the plan of the database for a query."""
    async with storage._read_pool.engine.connect() as connection:
        how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        steps = await connection.exec_driver_sql(f"{how} {statement}", parameters)
        return [step[-1] for step in steps]


def _domains(uow: UnitOfWork) -> Any:
    return uow.custom_domains.visible_to(PLATFORM)
