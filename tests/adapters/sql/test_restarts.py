"""Tests a PostgreSQL server that restarts, hangs, holds locks or refuses connections."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from signal import SIGCONT, SIGSTOP

import pytest
import sqlalchemy as sa
from anyio import Event, create_task_group, fail_after, sleep, to_thread
from tests.adapters.sql.operators import change
from tests.servers.postgres import PASSWORD, PostgresServer

from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import SettingsError, StorageUnavailableError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.stored_objects import store, store_project

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]

PATIENCE = timedelta(milliseconds=200)
STANDSTILL = "idle_in_transaction_session_timeout"


@pytest.fixture
async def storage(postgres_url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(postgres_url, migrate=False) as storage:
        yield storage


@pytest.fixture
async def impatient_storage(postgres_url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(postgres_url, migrate=False, wait_timeout=PATIENCE) as storage:
        yield storage


async def test_commits_survive_a_server_crash(
    postgres: PostgresServer, storage: SqlStorage
) -> None:
    """F09: writes fail during the outage, and succeed after the restart."""
    committed: list[UserId] = []
    restarted, outages = Event(), 0

    async def write() -> None:
        nonlocal outages
        is_over = False
        while not is_over:
            is_over, user = restarted.is_set(), a_user()
            try:
                await store(storage, user)
                committed.append(user.id)
            except StorageUnavailableError:
                outages += 1
                is_over = False
                await sleep(0.01)

    async with create_task_group() as writers:
        for _ in range(8):
            writers.start_soon(write)
        while len(committed) < 50:
            await sleep(0.01)
        await to_thread.run_sync(postgres.restart)
        restarted.set()
        with fail_after(60):
            await storage.check()

    assert outages
    async with storage.snapshot() as uow:
        assert set(committed) <= {user.id for user in await uow.users.all()}


async def test_server_crash_while_closing_a_snapshot_is_harmless(
    storage: SqlStorage,
) -> None:
    """F09: finished reads are correct, and the next request gets a working connection."""

    async def go_on() -> None:
        os.kill(pid, SIGCONT)

    await store(storage, user := a_user())
    async with create_task_group() as tasks, storage.snapshot() as uow:
        users = list(await uow.users.all())
        pid = await uow.users._statements._connection.scalar(sa.func.pg_backend_pid())
        os.kill(pid, SIGSTOP)
        await _terminate(storage, pid)
        tasks.start_soon(go_on)  # It runs while this task closes its snapshot.

    assert [user] == users
    for _ in range(int(storage._read_pool.limiter.total_tokens)):
        await storage.check()


async def _terminate(storage: SqlStorage, pid: int) -> None:
    async with storage._read_pool.engine.connect() as connection:
        await connection.execute(sa.select(sa.func.pg_terminate_backend(pid)))


async def test_unreachable_server_is_unavailable(
    postgres: PostgresServer, storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """The error suggests a retry, and only the log names the server. Later requests succeed."""
    await store(storage, a_user())
    await to_thread.run_sync(postgres.stop)
    try:
        with fail_after(60), pytest.raises(StorageUnavailableError, match="Try again") as outage:
            await storage.check()
    finally:
        await to_thread.run_sync(postgres.start)

    assert "127.0.0.1" not in str(outage.value)
    assert f"127.0.0.1:{postgres.port} cannot be reached" in caplog.text
    assert PASSWORD not in caplog.text
    await storage.check()
    await store(storage, a_user())


async def test_a_server_that_hangs_is_unavailable(impatient_storage: SqlStorage) -> None:
    """A query fails after the configured timeout."""
    async with impatient_storage._read_pool.engine.connect() as connection:
        pid = await connection.scalar(sa.func.pg_backend_pid())

    os.kill(pid, SIGSTOP)
    try:
        with (
            fail_after(60),
            pytest.raises(StorageUnavailableError, match="did not respond in time"),
        ):
            await impatient_storage.check()
        await impatient_storage.check()
    finally:
        os.kill(pid, SIGCONT)


async def test_lock_wait_is_bounded(impatient_storage: SqlStorage) -> None:
    """A write fails after its timeout, and reads do not wait."""
    project = await store_project(impatient_storage)

    async with hold_lock(impatient_storage, project):
        with (
            fail_after(60),
            pytest.raises(StorageUnavailableError, match="a lock was not released"),
        ):
            async with impatient_storage.transaction() as uow:
                await uow.projects.visible_to(PLATFORM).get(project.id)
        async with impatient_storage.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)


@asynccontextmanager
async def hold_lock(storage: SqlStorage, project: Project) -> AsyncIterator[None]:
    """Hold the lock of *project* until the block ends."""
    is_held, is_over = Event(), Event()

    async def hold() -> None:
        async with storage.transaction() as uow:
            await uow.projects.next_sequence(project)
            is_held.set()
            await is_over.wait()

    async with create_task_group() as tasks:
        tasks.start_soon(hold)
        await is_held.wait()
        yield
        is_over.set()


async def test_writers_of_different_projects_do_not_wait_for_each_other(
    impatient_storage: SqlStorage,
) -> None:
    """Each project has its own lock."""
    one, other = await store_project(impatient_storage), await store_project(impatient_storage)

    async with hold_lock(impatient_storage, one), impatient_storage.transaction() as uow:
        assert 1 == await uow.projects.next_sequence(other)


async def test_stalled_writer_loses_its_locks(storage: SqlStorage) -> None:
    """PostgreSQL ends a transaction that has been idle for too long."""
    with pytest.raises(StorageUnavailableError):  # noqa: PT012 - it is the way to its end
        async with storage.transaction() as uow:
            connection = uow.users._statements._connection
            longest = await connection.scalar(sa.text(f"SHOW {STANDSTILL}"))
            pid = await connection.scalar(sa.func.pg_backend_pid())
            await connection.execute(sa.text(f"SET {STANDSTILL} = '50ms'"))
            with fail_after(60):
                while await _is_connected(storage, pid):
                    await sleep(0.01)
            await uow.users.all()

    assert "10s" == longest


async def _is_connected(storage: SqlStorage, pid: int) -> bool:
    async with storage._read_pool.engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        return bool(await connection.scalar(query, {"pid": pid}))


async def test_excess_requests_are_rejected_as_busy(impatient_storage: SqlStorage) -> None:
    """The number of connections is limited, and waiting for a connection times out."""
    async with create_task_group() as tasks:
        started = [Event() for _ in range(int(impatient_storage._write_pool.limiter.total_tokens))]
        over = Event()

        async def hold(acquired: Event) -> None:
            async with impatient_storage.transaction():
                acquired.set()
                await over.wait()

        for event in started:
            tasks.start_soon(hold, event)
        for event in started:
            await event.wait()
        with pytest.raises(StorageUnavailableError, match="busy"):
            await store(impatient_storage, a_user())
        over.set()


@pytest.mark.parametrize(
    ("replacement", "sentence"),
    [
        ((r":[^@/]+@", ":wrong@"), r"rejected the user name or the password"),
        ((r"/test_", "/missing_"), r"has no database with this name"),
        ((r":\d+/", ":1/"), r"cannot be reached"),
        ((r"@[^:]+:", "@host.invalid:"), r"cannot be reached"),
        ((r":\d+/.*", "/"), r"is not valid\. Use postgresql://"),
        ((r":[^@/]+@", ":a/b@"), r"is not valid\. Use postgresql://"),
        ((r"$", "&sslmode=never"), r"sslmode in PUSHPAKA_DATABASE_URL must be one of"),
        ((r"$", "&connect_timeout=0"), r"connect_timeout in PUSHPAKA_DATABASE_URL must be a whole"),
        ((r"$", "&sslrootcert=/missing"), r"A certificate .* cannot be used"),
        ((r"$", "&sslmode=require"), r"cannot be reached .*SSL"),
    ],
)
async def test_unreachable_address_is_reported(
    postgres_url: str, replacement: tuple[str, str], sentence: str
) -> None:
    """The message explains what to change, and does not contain the password."""
    url = re.sub(*replacement, postgres_url, count=1)

    with pytest.raises(SettingsError, match=sentence) as refusal:
        async with open_storage(url, migrate=True):
            pass

    assert PASSWORD not in str(refusal.value)


async def test_missing_permission_to_create_tables_is_reported(postgres: PostgresServer) -> None:
    """The migration fails with an error about the user's permissions."""
    guest = "CREATE ROLE guest LOGIN PASSWORD 'guest'"
    await to_thread.run_sync(postgres.execute, guest, "CREATE DATABASE closed")
    url = postgres.url("closed", user="guest", password="guest")

    with pytest.raises(SettingsError, match="does not allow this user to create tables"):
        async with open_storage(url, migrate=True):
            pass


async def test_both_schemes_work_and_passwords_are_hidden(postgres_url: str) -> None:
    """The scheme `postgres` is accepted, too, and no representation shows the password."""
    url = postgres_url.replace("postgresql", "postgres", 1)
    async with open_storage(url, migrate=False) as storage:
        await storage.check()

    assert PASSWORD not in repr(storage)
    assert PASSWORD not in repr(storage._write_pool.engine.url)


async def test_concurrent_schema_change_fails_one_request(
    postgres_url: str, storage: SqlStorage
) -> None:
    """The next request succeeds, so a newer version can migrate while this version runs."""
    user = a_user()
    await store(storage, user)
    async with storage.snapshot() as uow:
        await uow.users.get(user.id)

    await to_thread.run_sync(
        change, postgres_url, "ALTER TABLE users ALTER COLUMN name TYPE varchar(500)"
    )

    with pytest.raises(StorageUnavailableError, match="just changed"):
        async with storage.snapshot() as uow:
            await uow.users.get(user.id)
    async with storage.snapshot() as uow:
        assert user == await uow.users.get(user.id)
