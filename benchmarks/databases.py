"""Databases for benchmarks, and instances on them that run no applications."""

import atexit
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import sqlalchemy as sa
from tests.servers.postgres import PostgresServer, run_server

from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.converters import to_row
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import Storage

DATABASES = ("SQLite", "PostgreSQL")
_AT_ONCE = 5000


@asynccontextmanager
async def open_database(kind: str) -> AsyncIterator[str]:
    """Create an empty database, and yield its URL."""
    if kind == "SQLite":
        with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
            yield f"sqlite:///{Path(directory) / 'pushpaka.sqlite'}"
        return
    with _server().database(migrated=False) as url:
        yield url


@cache
def _server() -> PostgresServer:
    """Return the only server of this program, which is stopped at exit."""
    context = run_server()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


@asynccontextmanager
async def open_instance(
    url: str, queue: DeploymentQueue | None = None
) -> AsyncIterator[tuple[Application, SqlStorage]]:
    """Open all services on a real storage, with builder and runtime in memory."""
    async with open_storage(url, migrate=True) as storage:
        adapters = attrs.evolve(memory_adapters(), storage=storage)
        if queue is not None:
            adapters = attrs.evolve(adapters, queue=queue)
        yield assemble(adapters, Options()), storage


async def fail_claimed(storage: Storage, lease: Lease) -> None:
    """End a claimed deployment at once, as a failing worker would."""
    async with storage.transaction() as uow:
        held = await uow.deployments.get_held(lease)
        await uow.deployments.update(held.fail("It was only claimed.", now=utc_now()))


async def insert(url: str, table: sa.Table, entities: Sequence[attrs.AttrsInstance]) -> None:
    """Insert many rows quickly."""
    async with open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (writing, _):
        for start in range(0, len(entities), _AT_ONCE):
            rows = [to_row(entity) for entity in entities[start : start + _AT_ONCE]]
            async with writing.engine.begin() as connection:
                await connection.execute(sa.insert(table), rows)
