"""What workers ask for again and again is found by an index, however many rows there are."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from anyio import to_thread
from tests.adapters.sql.queries import queries

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployment_steps import SERVING
from pushpaka_core.domain.users import UserId
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.testing.objects import NOON, a_project, a_user

pytestmark = pytest.mark.anyio

PROJECT = a_project(a_user())
NOBODY = Actor(user_id=UserId(UUID(int=1)))


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (
            lambda uow: uow.custom_domains.visible_to(PLATFORM).due(NOON, limit=20),
            "ix_custom_domains_due",
        ),
        (
            lambda uow: uow.custom_domains.visible_to(PLATFORM).changed_since(NOON),
            "ix_custom_domains_changed",
        ),
        (
            lambda uow: uow.custom_domains.visible_to(PLATFORM).verified({"a.example.com"}),
            "uq_custom_domains_verified",
        ),
        (lambda uow: uow.outbox.due(NOON, limit=20, each=4), "ix_outbox_messages_due"),
        (
            lambda uow: uow.deployments.of_kept_releases([PROJECT], SERVING),
            "SEARCH deployments USING INDEX ix_deployments_release",
        ),
        (lambda uow: uow.timeline.bygone(NOON, limit=5), "ix_timeline_events_created"),
        (lambda uow: uow.timeline.bygone(NOON, limit=5), "sqlite_autoindex_deployments_1"),
        (lambda uow: uow.activity.statuses(NOON), "ix_deployments_created"),
        (lambda uow: uow.activity.durations(NOON), "ix_deployments_created"),
        (lambda uow: uow.activity.queue(), "ix_deployments_status"),
        (
            lambda uow: uow.deployments.visible_to(NOBODY).versions(None),
            "ix_deployments_status",
        ),
        (
            lambda uow: uow.deployments.claim("worker", at=NOON),
            "SEARCH other USING COVERING INDEX ix_deployments_waiting (status=? AND user_id>?)",
        ),
    ],
)
async def test_no_table_is_read_from_one_end_to_the_other(
    file: Path, url: str, ask: Callable[[UnitOfWork], Awaitable[object]], index: str
) -> None:
    """Nor is a whole index."""
    with queries(is_looked_at) as asked:
        async with open_storage(url, migrate=True) as storage, storage.snapshot() as uow:
            await ask(uow)

    plan = await to_thread.run_sync(plan_of, file, *asked[-1])
    assert index in " ".join(plan)
    scans = "SCAN custom", "SCAN timeline", "SCAN releases", "SCAN outbox", "SCAN deployments"
    assert [] == [step for step in plan if step.startswith(scans)]


def is_looked_at(statement: str) -> bool:
    """Tell what is to be looked at."""
    tables = "outbox_messages", "FROM deployments"
    return statement.startswith("SELECT custom_domains.") or any(t in statement for t in tables)


def plan_of(file: Path, statement: str, parameters: Any) -> list[str]:
    """Return how SQLite would go about a query."""
    with closing(sqlite3.connect(file)) as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [text for *_, text in steps]
