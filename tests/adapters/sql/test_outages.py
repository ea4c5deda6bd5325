"""Tests a database that is locked or full, and canceled statements."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import (
    CancelScope,
    Event,
    create_task_group,
    fail_after,
    to_thread,
    wait_all_tasks_blocked,
)
from anyio.lowlevel import checkpoint
from tests.machine.small_disk import small_disk

from pushpaka_core.adapters.sql import transactions
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT as DEFAULT_PATIENCE
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.errors import DuplicateError, StorageUnavailableError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_log_entry
from pushpaka_core.testing.stored_objects import store, store_deployment

pytestmark = pytest.mark.anyio

PATIENCE = timedelta(milliseconds=200)


@pytest.fixture
async def storage(migrated_url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(migrated_url, migrate=False, wait_timeout=PATIENCE) as storage:
        yield storage


@contextmanager
def exclusive_lock(file: Path) -> Iterator[None]:
    """Lock the database as another program would, until the block ends."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


async def test_a_locked_database_is_unavailable(storage: SqlStorage, file: Path) -> None:
    """A write fails after its timeout, and succeeds once the lock is released."""
    with exclusive_lock(file), pytest.raises(StorageUnavailableError, match="locked"):
        await store(storage, a_user())

    await store(storage, a_user())


async def test_a_locked_database_can_be_read(storage: SqlStorage, file: Path) -> None:
    """Reads and the health check do not wait for the lock."""
    with exclusive_lock(file), fail_after(60):
        await storage.check()
        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())


def test_the_default_timeout_is_between_three_and_ten_seconds() -> None:
    """F13: a lock of three seconds only delays a write, and a lock of ten seconds fails it."""
    assert timedelta(seconds=3) < DEFAULT_PATIENCE < timedelta(seconds=10)


async def test_writes_wait_for_a_short_lock(migrated_url: str, file: Path) -> None:
    """If the lock is released before the timeout, the write succeeds."""
    locked = Event()
    opening = open_storage(migrated_url, migrate=False)
    async with opening as storage, create_task_group() as tasks:

        async def lock() -> None:
            with exclusive_lock(file):
                locked.set()
                await to_thread.run_sync(Event().is_set)

        tasks.start_soon(lock)
        await locked.wait()
        with fail_after(60):
            await store(storage, a_user())


async def test_waiting_for_another_writer_times_out(storage: SqlStorage) -> None:
    """While a transaction stays open, the next one fails after its timeout."""
    async with create_task_group() as tasks, storage.transaction():

        async def write() -> None:
            with pytest.raises(StorageUnavailableError, match="busy"):
                await store(storage, a_user())
            done.set()

        done = Event()
        tasks.start_soon(write)
        with fail_after(60):
            await done.wait()


async def test_waiting_for_another_writer_counts_toward_the_timeout(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout of a write includes the wait for other writers of the same process."""
    second, timeouts = timedelta(seconds=1), []
    now = transactions.current_time  # type: ignore[attr-defined]  # replaced below

    async def write(storage: SqlStorage) -> None:
        async with storage.transaction() as uow:
            execute = uow.users._statements._connection.exec_driver_sql
            timeouts.append((await execute("PRAGMA busy_timeout")).scalar_one())
            await wait_all_tasks_blocked()
            # The clock that the storage reads steps by a second.
            monkeypatch.setattr(transactions, "current_time", lambda: now() + 1)

    opening = open_storage(migrated_url, migrate=False)
    async with opening as opened, create_task_group() as tasks:
        tasks.start_soon(write, opened)
        tasks.start_soon(write, opened)

    first, last = (timedelta(milliseconds=timeout) for timeout in timeouts)
    assert first <= DEFAULT_PATIENCE
    assert last <= first - second


def _fill_up(disk: Path) -> Path:
    """Fill the disk, and return the file that occupies the space."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**16))
    return filling


async def test_database_recovers_from_a_full_disk(
    tmp_path: Path,
) -> None:
    """F14: reads still work, the data stays intact, and writes succeed once there is space."""
    users = [a_user(name="x" * 10_000) for _ in range(2)]
    with small_disk(disk := tmp_path / "disk"):
        async with open_storage(f"sqlite:///{disk / 'db.sqlite'}", migrate=True) as storage:
            await store(storage, users[0])
            filling = await to_thread.run_sync(_fill_up, disk)

            with pytest.raises(StorageUnavailableError, match="full"):
                await store(storage, *(a_user(name="x" * 10_000) for _ in range(50)))
            async with storage.snapshot() as uow:
                seen = list(await uow.users.all())
                checked = await uow.users._statements._connection.exec_driver_sql(
                    "PRAGMA integrity_check"
                )
                health = checked.scalar_one()
            filling.unlink()
            await store(storage, users[1])

            async with storage.snapshot() as uow:
                kept = {user.id for user in await uow.users.all()}

    assert users[:1] == seen
    assert "ok" == health
    assert {user.id for user in users} == kept


async def test_canceled_statement_has_no_effect(any_url: str) -> None:
    """No later transaction sees the statement's changes, whenever the statement was canceled."""
    async with open_storage(any_url, migrate=False) as storage:
        deployment = await store_deployment(storage)

        for delay in range(12):
            await _append_and_cancel(storage, deployment, delay)

        with fail_after(60):
            async with storage.transaction() as uow:
                lines = await uow.logs.append(deployment.id, [a_log_entry()])
                assert list(lines) == list(await uow.logs.lines(deployment, LogFilter()))
    assert [1] == [line.seq for line in lines]


async def test_transaction_cannot_continue_after_a_rejected_write(any_url: str) -> None:
    """A transaction that continues would silently lose its earlier writes."""
    async with open_storage(any_url, migrate=False) as storage:
        user = a_user()
        await store(storage, user)

        with pytest.raises(RuntimeError, match="the transaction continued"):
            await _write_after_a_rejection(storage, user)

        async with storage.snapshot() as uow:
            assert [user] == list(await uow.users.all())


async def _write_after_a_rejection(storage: SqlStorage, user: User) -> None:
    async with storage.transaction() as uow:
        await uow.users.add(a_user())
        with suppress(DuplicateError):
            await uow.users.add(a_user(email=user.email))


async def _append_and_cancel(storage: SqlStorage, deployment: Deployment, delay: int) -> None:
    """Cancel a transaction after *delay* iterations of the event loop."""
    with CancelScope() as scope:
        async with create_task_group() as tasks:
            tasks.start_soon(_cancel_after, scope, delay)
            async with storage.transaction() as uow:
                while True:
                    await uow.logs.append(deployment.id, [a_log_entry()])


async def _cancel_after(scope: CancelScope, delay: int) -> None:
    for _ in range(delay):
        await checkpoint()
    scope.cancel()


async def test_commits_are_synced_to_disk(storage: SqlStorage) -> None:
    """The settings of SQLite also enforce foreign keys."""
    async with storage.transaction() as uow:
        execute = uow.users._statements._connection.exec_driver_sql
        values = {
            name: (await execute(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1} == values
