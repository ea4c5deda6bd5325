"""Databases of a benchmark's own, and an instance on one that runs nothing."""

import atexit
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import sqlalchemy as sa
from tests.postgres import PostgresServer, running_server

from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.application import Application, assemble
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.converters import to_row
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.parts import Options
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Storage

DATABASES = ("SQLite", "PostgreSQL")
_AT_ONCE = 5000


@asynccontextmanager
async def open_database(kind: str) -> AsyncIterator[str]:
    """Make an empty database, and yield its address."""
    if kind == "SQLite":
        with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
            yield f"sqlite:///{Path(directory) / 'pushpaka.sqlite'}"
        return
    with _server().database(migrated=False) as url:
        yield url


@cache
def _server() -> PostgresServer:
    """Return the one server of this program."""
    context = running_server()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


@asynccontextmanager
async def open_instance(
    url: str, queue: DeploymentQueue | None = None
) -> AsyncIterator[tuple[Application, SqlStorage]]:
    """Open all services on a real storage; what would build and run is in memory."""
    async with open_storage(url, migrate=True) as storage:
        adapters = attrs.evolve(memory_adapters(), storage=storage)
        if queue is not None:
            adapters = attrs.evolve(adapters, queue=queue)
        yield assemble(adapters, Options()), storage


async def end(storage: Storage, lease: Lease) -> None:
    """End at once what was claimed, as a worker that fails would."""
    async with storage.transaction() as uow:
        held = await uow.deployments.held(lease)
        await uow.deployments.update(held.fail("It was only claimed.", at=utc_now()))


async def insert(url: str, table: sa.Table, entities: Sequence[attrs.AttrsInstance]) -> None:
    """Keep many rows quickly."""
    async with open_lanes(url, patience=PATIENCE) as (writing, _):
        for start in range(0, len(entities), _AT_ONCE):
            rows = [to_row(entity) for entity in entities[start : start + _AT_ONCE]]
            async with writing.engine.begin() as connection:
                await connection.execute(sa.insert(table), rows)
