"""The promises hold whatever happens, in any order, on each storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from anyio import to_thread
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.faults.conftest import DEPTH, SEED
from tests.faults.machine import LifeOfDeployments
from tests.postgres import PostgresServer

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.ports.storage import Storage

pytestmark = pytest.mark.timeout(300)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Storage]:
    yield MemoryStorage()


@asynccontextmanager
async def in_a_file() -> AsyncIterator[Storage]:
    directory = await to_thread.run_sync(TemporaryDirectory)
    try:
        file = Path(directory.name) / "pushpaka.db"
        async with open_storage(f"sqlite:///{file}", migrate=True) as storage:
            yield storage
    finally:
        await to_thread.run_sync(directory.cleanup)


@asynccontextmanager
async def on_a_server(server: PostgresServer) -> AsyncIterator[Storage]:
    with server.database() as url:
        async with open_storage(url, migrate=False) as storage:
            yield storage


class LifeInMemory(LifeOfDeployments):
    """On the memory storage."""

    open_storage = staticmethod(in_memory)


class LifeInAFile(LifeOfDeployments):
    """On SQLite."""

    open_storage = staticmethod(in_a_file)


def live_through(life: type[LifeOfDeployments], number: int) -> None:
    """
    Play one life and a variation of it, or as many as the depth says.

    Of the examples behind one seed most are variations: other seeds find more.
    """
    profile = settings.get_profile("faults")
    if DEPTH == 0:
        run_state_machine_as_test(seed(number)(life), settings=settings(profile, max_examples=3))
    else:
        deep = settings(profile, max_examples=3 * DEPTH)
        run_state_machine_as_test(life, settings=deep)


@pytest.mark.parametrize("number", range(16))
def test_promises_hold_in_memory(number: int) -> None:
    """Whatever happens, in any order, on the memory storage."""
    live_through(LifeInMemory, number)


def test_promises_hold_in_a_life_that_nobody_has_played() -> None:
    """Each run plays another one; PUSHPAKA_TEST_SEED plays that of a failure again."""
    try:
        live_through(LifeInMemory, SEED)
    except BaseException as error:
        error.add_note(f"PUSHPAKA_TEST_SEED={SEED}")
        raise


@pytest.mark.parametrize("number", range(4))
def test_promises_hold_in_a_file(number: int) -> None:
    """Whatever happens, in any order, on SQLite."""
    live_through(LifeInAFile, number)


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("number", range(2))
def test_promises_hold_on_a_server(postgres: PostgresServer, number: int) -> None:
    """Whatever happens, in any order, on PostgreSQL."""

    class LifeOnAServer(LifeOfDeployments):
        """On a database of each example's own."""

        open_storage = staticmethod(partial(on_a_server, postgres))

    live_through(LifeOnAServer, number)
