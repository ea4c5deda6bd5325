"""A database that is locked, full or interrupted."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import CancelScope, Event, create_task_group, fail_after, sleep, to_thread
from anyio.lowlevel import checkpoint
from tests.small_disk import small_disk

from pushpaka_core.adapters.sql.engine import PATIENCE as DEFAULT_PATIENCE
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.users import User
from pushpaka_core.errors import DuplicateError, StorageUnavailableError
from pushpaka_core.testing.keeping import keep, keep_deployment
from pushpaka_core.testing.objects import a_user, an_entry

pytestmark = pytest.mark.anyio

PATIENCE = timedelta(milliseconds=200)


@pytest.fixture
async def storage(url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(url, migrate=True, patience=PATIENCE) as storage:
        yield storage


@contextmanager
def another_writer(file: Path) -> Iterator[None]:
    """Lock the database as a program beside ours would."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


async def test_a_locked_database_is_unavailable(storage: SqlStorage, file: Path) -> None:
    """A writer gives up after its patience, and works again when the lock is gone."""
    with another_writer(file), pytest.raises(StorageUnavailableError, match="locked"):
        await keep(storage, a_user())

    await keep(storage, a_user())


async def test_a_locked_database_can_be_read(storage: SqlStorage, file: Path) -> None:
    """Readers and the health check do not wait for a writer."""
    with another_writer(file), fail_after(5):
        await storage.check()
        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())


def test_a_lock_of_three_seconds_is_short_and_one_of_ten_is_not() -> None:
    """F13: so long a transaction waits, unless somebody says otherwise."""
    assert timedelta(seconds=3) < DEFAULT_PATIENCE < timedelta(seconds=10)


async def test_a_short_lock_is_waited_for(url: str, file: Path) -> None:
    """Another program that writes for a moment is not an outage."""
    locked = Event()
    async with open_storage(url, migrate=True) as storage, create_task_group() as tasks:

        async def lock() -> None:
            with another_writer(file):
                locked.set()
                await to_thread.run_sync(Event().is_set)

        tasks.start_soon(lock)
        await locked.wait()
        with fail_after(5):
            await keep(storage, a_user())


async def test_a_turn_is_not_waited_for_without_end(storage: SqlStorage) -> None:
    """Where a transaction stays open the next one is told that the database is busy."""
    async with create_task_group() as tasks, storage.transaction():

        async def write() -> None:
            with pytest.raises(StorageUnavailableError, match="busy"):
                await keep(storage, a_user())
            done.set()

        done = Event()
        tasks.start_soon(write)
        with fail_after(5):
            await done.wait()


async def test_who_has_waited_for_a_turn_waits_only_for_the_rest_in_the_database(url: str) -> None:
    """So nobody waits longer than is said, whatever they wait for."""
    second = timedelta(seconds=1)
    timeouts = []

    async def write(storage: SqlStorage, pause: timedelta) -> None:
        async with storage.transaction() as uow:
            execute = uow.users._statements._connection.exec_driver_sql
            timeouts.append((await execute("PRAGMA busy_timeout")).scalar_one())
            await sleep(pause.total_seconds())

    async with open_storage(url, migrate=True) as opened, create_task_group() as tasks:
        tasks.start_soon(write, opened, second)
        tasks.start_soon(write, opened, timedelta(0))

    first, last = (timedelta(milliseconds=timeout) for timeout in timeouts)
    assert DEFAULT_PATIENCE - second < first <= DEFAULT_PATIENCE
    assert timedelta(0) < last <= DEFAULT_PATIENCE - second


async def test_a_full_database_is_unavailable(storage: SqlStorage) -> None:
    """What could not be written leaves no trace, and what was written stays."""
    user = a_user()
    await keep(storage, user)

    with pytest.raises(StorageUnavailableError, match="full"):
        await _fill(storage)

    async with storage.snapshot() as uow:
        assert [user] == list(await uow.users.all())


async def _fill(storage: SqlStorage) -> None:
    async with storage.transaction() as uow:
        await uow.users._statements._connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for _ in range(1000):
            await uow.users.add(a_user(name="x" * 10_000))


def _fill_up(disk: Path) -> Path:
    """Leave no byte free, and return what takes all the room."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**16))
    return filling


async def test_a_database_on_a_full_disk_is_unavailable_until_there_is_room(
    tmp_path: Path,
) -> None:
    """F14: it is read meanwhile, nothing of it is broken, and it is written to afterwards."""
    users = [a_user(name="x" * 10_000) for _ in range(2)]
    with small_disk(disk := tmp_path / "disk"):
        async with open_storage(f"sqlite:///{disk / 'db.sqlite'}", migrate=True) as storage:
            await keep(storage, users[0])
            filling = await to_thread.run_sync(_fill_up, disk)

            with pytest.raises(StorageUnavailableError, match="full"):
                await keep(storage, *(a_user(name="x" * 10_000) for _ in range(50)))
            async with storage.snapshot() as uow:
                seen = list(await uow.users.all())
                checked = await uow.users._statements._connection.exec_driver_sql(
                    "PRAGMA integrity_check"
                )
                health = checked.scalar_one()
            filling.unlink()
            await keep(storage, users[1])

            async with storage.snapshot() as uow:
                kept = {user.id for user in await uow.users.all()}

    assert users[:1] == seen
    assert "ok" == health
    assert {user.id for user in users} == kept


async def test_a_statement_that_is_cancelled_spoils_nothing(any_url: str) -> None:
    """Whenever a transaction is cancelled, the next one begins as if it had not been."""
    async with open_storage(any_url, migrate=True) as storage:
        deployment = await keep_deployment(storage)

        for delay in range(12):
            await _append_and_cancel(storage, deployment, delay)

        with fail_after(10):
            async with storage.transaction() as uow:
                lines = await uow.logs.append(deployment.id, [an_entry()])
                assert list(lines) == list(await uow.logs.lines(deployment, LogFilter()))
    assert [1] == [line.seq for line in lines]


async def test_a_transaction_does_not_go_on_after_a_refusal(any_url: str) -> None:
    """What was written before would be lost without a word, which is a mistake of the program."""
    async with open_storage(any_url, migrate=True) as storage:
        user = a_user()
        await keep(storage, user)

        with pytest.raises(RuntimeError, match="went on"):
            await _go_on(storage, user)

        async with storage.snapshot() as uow:
            assert [user] == list(await uow.users.all())


async def _go_on(storage: SqlStorage, user: User) -> None:
    async with storage.transaction() as uow:
        await uow.users.add(a_user())
        with suppress(DuplicateError):
            await uow.users.add(a_user(email=user.email))


async def _append_and_cancel(storage: SqlStorage, deployment: Deployment, delay: int) -> None:
    """Cancel a transaction that many turns of the event loop after its beginning."""
    with CancelScope() as scope:
        async with create_task_group() as tasks:
            tasks.start_soon(_cancel_after, scope, delay)
            async with storage.transaction() as uow:
                while True:
                    await uow.logs.append(deployment.id, [an_entry()])


async def _cancel_after(scope: CancelScope, delay: int) -> None:
    for _ in range(delay):
        await checkpoint()
    scope.cancel()


async def test_what_is_committed_is_on_the_disk(storage: SqlStorage) -> None:
    """A commit is synced, and every reference is checked."""
    async with storage.transaction() as uow:
        execute = uow.users._statements._connection.exec_driver_sql
        values = {
            name: (await execute(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1} == values


async def test_two_storages_share_a_database(url: str) -> None:
    """What one process commits another one sees."""
    user = a_user()
    async with (
        open_storage(url, migrate=True) as one,
        open_storage(url, migrate=False) as other,
    ):
        await keep(one, user)

        async with other.snapshot() as uow:
            assert [user] == list(await uow.users.all())
