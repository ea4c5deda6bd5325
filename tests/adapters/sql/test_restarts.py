"""A PostgreSQL server that goes away, hangs, is held by others or lets nobody in."""

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
from tests.postgres import PASSWORD, PostgresServer

from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import SettingsError, StorageUnavailableError
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]

PATIENCE = timedelta(milliseconds=200)
STANDSTILL = "idle_in_transaction_session_timeout"


@pytest.fixture
async def storage(postgres_url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(postgres_url, migrate=False) as storage:
        yield storage


@pytest.fixture
async def impatient(postgres_url: str) -> AsyncIterator[SqlStorage]:
    async with open_storage(postgres_url, migrate=False, patience=PATIENCE) as storage:
        yield storage


async def test_what_is_committed_outlives_a_crash_of_the_server(
    postgres: PostgresServer, storage: SqlStorage
) -> None:
    """F09: meanwhile the database is away and nothing else, and everybody goes on afterwards."""
    committed: list[UserId] = []
    restarted, outages = Event(), 0

    async def write() -> None:
        nonlocal outages
        is_over = False
        while not is_over:
            is_over, user = restarted.is_set(), a_user()
            try:
                await keep(storage, user)
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
        with fail_after(5):
            await storage.check()

    assert outages
    async with storage.snapshot() as uow:
        assert set(committed) <= {user.id for user in await uow.users.all()}


async def test_connections_that_the_server_has_closed_are_not_used(
    postgres: PostgresServer, storage: SqlStorage
) -> None:
    """Where it came back before anybody asked, nobody notices that it was away."""
    await keep(storage, a_user())
    await storage.check()

    await to_thread.run_sync(postgres.restart)
    await keep(storage, a_user())
    await storage.check()


async def test_a_server_that_goes_while_somebody_lets_go_of_it_spoils_nothing(
    storage: SqlStorage,
) -> None:
    """F09: what was read by then is right, and the next one gets a connection that lives."""

    async def go_on() -> None:
        os.kill(pid, SIGCONT)

    await keep(storage, user := a_user())
    async with create_task_group() as tasks, storage.snapshot() as uow:
        users = list(await uow.users.all())
        pid = await uow.users._statements._connection.scalar(sa.func.pg_backend_pid())
        os.kill(pid, SIGSTOP)
        await _terminate(storage, pid)
        tasks.start_soon(go_on)  # Which it does once this task waits for the end of its snapshot.

    assert [user] == users
    for _ in range(int(storage._reading.users.total_tokens)):
        await storage.check()


async def _terminate(storage: SqlStorage, pid: int) -> None:
    async with storage._reading.engine.connect() as connection:
        await connection.execute(sa.select(sa.func.pg_terminate_backend(pid)))


async def test_a_server_that_is_away_is_unavailable(
    postgres: PostgresServer, storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asks is told at once to come again; where the server is only the log says."""
    await to_thread.run_sync(postgres.stop)
    try:
        with fail_after(5), pytest.raises(StorageUnavailableError, match="Try again") as outage:
            await storage.check()
    finally:
        await to_thread.run_sync(postgres.start)

    assert "127.0.0.1" not in str(outage.value)
    assert f"127.0.0.1:{postgres.port} cannot be reached" in caplog.text
    assert PASSWORD not in caplog.text
    await storage.check()


async def test_a_server_that_hangs_is_unavailable(impatient: SqlStorage) -> None:
    """Nobody waits for ever for an answer; this takes as long as a client gives a server."""
    async with impatient._reading.engine.connect() as connection:
        pid = await connection.scalar(sa.func.pg_backend_pid())

    os.kill(pid, SIGSTOP)
    try:
        with fail_after(5), pytest.raises(StorageUnavailableError, match="too long"):
            await impatient.check()
        await impatient.check()
    finally:
        os.kill(pid, SIGCONT)


async def test_what_others_hold_is_not_waited_for_without_end(impatient: SqlStorage) -> None:
    """A writer gives up after its patience, and readers do not wait at all."""
    project = await keep_project(impatient)

    async with held(impatient, project):
        with fail_after(5), pytest.raises(StorageUnavailableError, match="others hold"):
            async with impatient.transaction() as uow:
                await uow.projects.visible_to(PLATFORM).get(project.id)
        async with impatient.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)


@asynccontextmanager
async def held(storage: SqlStorage, project: Project) -> AsyncIterator[None]:
    """Be in the middle of a change of *project*."""
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
    impatient: SqlStorage,
) -> None:
    """While one project is being changed, others are changed too."""
    one, other = await keep_project(impatient), await keep_project(impatient)

    async with held(impatient, one), impatient.transaction() as uow:
        assert 1 == await uow.projects.next_sequence(other)


async def test_a_writer_that_stands_still_loses_its_locks(storage: SqlStorage) -> None:
    """A process that was stopped in the middle of a transaction holds nobody up for long."""
    with pytest.raises(StorageUnavailableError):  # noqa: PT012 - it is the way to its end
        async with storage.transaction() as uow:
            connection = uow.users._statements._connection
            longest = await connection.scalar(sa.text(f"SHOW {STANDSTILL}"))
            pid = await connection.scalar(sa.func.pg_backend_pid())
            await connection.execute(sa.text(f"SET {STANDSTILL} = '50ms'"))
            with fail_after(5):
                while await _is_there(storage, pid):
                    await sleep(0.01)
            await uow.users.all()

    assert "10s" == longest


async def _is_there(storage: SqlStorage, pid: int) -> bool:
    async with storage._reading.engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
        return bool(await connection.scalar(query, {"pid": pid}))


async def test_too_many_at_once_are_told_that_it_is_busy(impatient: SqlStorage) -> None:
    """A process has so many connections, and no request waits for one without end."""
    async with create_task_group() as tasks:
        started = [Event() for _ in range(int(impatient._writing.users.total_tokens))]
        over = Event()

        async def hold(is_held: Event) -> None:
            async with impatient.transaction():
                is_held.set()
                await over.wait()

        for event in started:
            tasks.start_soon(hold, event)
        for event in started:
            await event.wait()
        with pytest.raises(StorageUnavailableError, match="busy"):
            await keep(impatient, a_user())
        over.set()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((r":[^@/]+@", ":wrong@"), r"refuses this user name or password"),
        ((r"/test_", "/missing_"), r"has no database of that name"),
        ((r":\d+/", ":1/"), r"cannot be reached"),
        ((r"@[^:]+:", "@host.invalid:"), r"cannot be reached"),
        ((r":\d+/.*", "/"), r"cannot be read; use postgresql://"),
        ((r":[^@/]+@", ":a/b@"), r"cannot be read; use postgresql://"),
        ((r"$", "&sslmode=never"), r"sslmode in PUSHPAKA_DATABASE_URL must be one of"),
        ((r"$", "&connect_timeout=0"), r"connect_timeout in PUSHPAKA_DATABASE_URL must be a whole"),
        ((r"$", "&sslrootcert=/missing"), r"A certificate .* cannot be used"),
        ((r"$", "&sslmode=require"), r"cannot be reached .*SSL"),
    ],
)
async def test_an_address_that_does_not_lead_in_is_told(
    postgres_url: str, change: tuple[str, str], sentence: str
) -> None:
    """The operator hears in a sentence what to mend, and nobody hears the password."""
    url = re.sub(*change, postgres_url, count=1)

    with pytest.raises(SettingsError, match=sentence) as refusal:
        async with open_storage(url, migrate=True):
            pass

    assert PASSWORD not in str(refusal.value)


async def test_who_may_make_no_tables_is_told(postgres: PostgresServer) -> None:
    """A migration that is not allowed ends with a sentence."""
    guest = "CREATE ROLE guest LOGIN PASSWORD 'guest'"
    await to_thread.run_sync(postgres.execute, guest, "CREATE DATABASE closed")
    url = postgres.url("closed", user="guest", password="guest")

    with pytest.raises(SettingsError, match="does not let us make tables"):
        async with open_storage(url, migrate=True):
            pass


async def test_both_forms_of_the_address_lead_in(postgres_url: str) -> None:
    """What some call postgres:// is the same."""
    async with open_storage(
        postgres_url.replace("postgresql", "postgres", 1), migrate=False
    ) as storage:
        await storage.check()


async def test_a_password_is_shown_by_nothing(storage: SqlStorage) -> None:
    """Neither the storage nor its engine can be printed with it."""
    assert PASSWORD not in repr(storage)
    assert PASSWORD not in repr(storage._writing.engine.url)


async def test_a_table_that_is_changed_below_is_unavailable_once(
    postgres_url: str, storage: SqlStorage
) -> None:
    """A newer version may migrate while this one runs: whoever asks again is answered."""
    user = a_user()
    await keep(storage, user)
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
