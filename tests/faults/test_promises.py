"""The promises hold for every order of events, on each storage."""

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
from tests.faults.state_machine import DeploymentLife
from tests.servers.postgres import PostgresServer

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.ports.storage.deployments import LeaseObservation
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_worker.lease_expiry import LeaseExpiry


@asynccontextmanager
async def open_memory() -> AsyncIterator[Storage]:
    yield MemoryStorage()


@asynccontextmanager
async def open_sqlite() -> AsyncIterator[Storage]:
    directory = await to_thread.run_sync(TemporaryDirectory)
    try:
        file = Path(directory.name) / "pushpaka.db"
        async with open_storage(f"sqlite:///{file}", migrate=True) as storage:
            yield storage
    finally:
        await to_thread.run_sync(directory.cleanup)


@asynccontextmanager
async def open_postgres(server: PostgresServer) -> AsyncIterator[Storage]:
    with server.database() as url:
        async with open_storage(url, migrate=False) as storage:
            yield storage


class DeploymentLifeInMemory(DeploymentLife):
    """The state machine with the storage in memory."""

    open_storage = staticmethod(open_memory)


class DeploymentLifeOnSQLite(DeploymentLife):
    """The state machine with SQLite."""

    open_storage = staticmethod(open_sqlite)


def run_examples(state_machine: type[DeploymentLife], example_seed: int) -> None:
    """
    Run the example of a seed and two variations. If DEPTH is not 0, run 3 * DEPTH new examples.

    Tests use several seeds, because Hypothesis mostly varies the first example of a seed.
    """
    profile = settings.get_profile("faults")
    if DEPTH == 0:
        run_state_machine_as_test(
            seed(example_seed)(state_machine), settings=settings(profile, max_examples=3)
        )
    else:
        run_state_machine_as_test(state_machine, settings=settings(profile, max_examples=3 * DEPTH))


@pytest.mark.parametrize("number", range(8))
def test_promises_hold_in_memory(number: int) -> None:
    run_examples(DeploymentLifeInMemory, number)


def test_promises_hold_in_a_random_example() -> None:
    """Each run tries another example. PUSHPAKA_TEST_SEED repeats the example of a failed run."""
    try:
        run_examples(DeploymentLifeInMemory, SEED)
    except BaseException as error:
        error.add_note(f"PUSHPAKA_TEST_SEED={SEED}")
        raise


def test_promises_hold_on_sqlite() -> None:
    run_examples(DeploymentLifeOnSQLite, 0)


@pytest.mark.needs("postgres")
def test_promises_hold_on_postgresql(postgres: PostgresServer) -> None:
    class DeploymentLifeOnPostgreSQL(DeploymentLife):
        """The state machine with PostgreSQL, and a separate database for each example."""

        open_storage = staticmethod(partial(open_postgres, postgres))

    run_examples(DeploymentLifeOnPostgreSQL, 0)


def test_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks detect a reconciler that requeues leases too early, which breaks promise P2."""

    def expired(
        _: LeaseExpiry[LeaseObservation], seen: list[LeaseObservation], *, now: float
    ) -> list[LeaseObservation]:
        return [each for each in seen if now >= 0]

    monkeypatch.setattr(LeaseExpiry, "expired", expired)
    life = DeploymentLifeInMemory()
    life.open(replicas=1, is_deployed=False, has_one_writer=False)
    life.deploy(0, PRODUCTION)
    life.work(0, 3)
    life.promises_hold()

    with pytest.raises(AssertionError, match="P2: a lease was taken"):
        life.requeue_silent(0)

    life.simulation.close()
