"""Tests the schema and its migrations."""

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path as SyncPath
from signal import SIGKILL
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import (
    Event,
    Path,
    create_task_group,
    fail_after,
    from_thread,
    run_process,
    sleep,
    to_thread,
)
from sqlalchemy.dialects import postgresql, sqlite
from tests.adapters.sql.operators import NEWER, UNSPARING, become_next_version, change

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at
from pushpaka_core.adapters.sql.migration import (
    _config,
    _inspect,
    allows_online_migration,
    ensure_usable,
    migrate,
    read_schema_versions,
    require_same_instance,
    schema_state,
)
from pushpaka_core.adapters.sql.schema_versions import SchemaState, SchemaVersions
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.errors import SettingsError

pytestmark = pytest.mark.anyio

KILLED = """
import os, signal, sys
from alembic import command
from pushpaka_core.adapters.sql import migration

def upgrade(*arguments, upgrade=command.upgrade):
    upgrade(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

command.upgrade = upgrade
migration._migrate(sys.argv[1])
"""


async def test_migrations_create_the_schema(bare_url: str) -> None:
    """The tables and indexes match the code, and a second migration changes nothing."""
    states = [await schema_state(bare_url)]
    for _ in range(2):
        await migrate(bare_url)
        states.append(await schema_state(bare_url))
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    found = await to_thread.run_sync(_inspect, bare_url)

    assert [SchemaState.EMPTY, SchemaState.CURRENT, SchemaState.CURRENT] == states
    assert [] == await to_thread.run_sync(_differences, bare_url)
    assert max(script.module.oldest for script in scripts) == found.oldest


def _differences(url: str) -> list[object]:
    return database_at(url).run_with_schema_lock(_compare, wait_timeout=WAIT_TIMEOUT)


def _compare(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))


def test_a_partial_index_has_the_same_rows_in_both_databases() -> None:
    """The condition of each index is defined once, and is the same in SQLite and PostgreSQL."""
    schema.copy_index_conditions("postgresql")
    indexes = [index for table in schema.metadata.tables.values() for index in table.indexes]

    for index in indexes:
        on_sqlite, on_postgres = (
            str(sa.schema.CreateIndex(index).compile(dialect=kind.dialect())).partition(" WHERE ")[
                2
            ]
            for kind in (sqlite, postgresql)
        )
        assert on_sqlite == on_postgres


async def test_an_older_database_is_migrated_only_when_asked(
    bare_url: str, tmp_path: SyncPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without permission to migrate, the message names the command to run."""
    await migrate(bare_url)
    become_next_version(monkeypatch, tmp_path)
    assert SchemaState.OLDER is await schema_state(bare_url)

    with pytest.raises(SettingsError, match="pushpaka migrate"):
        await ensure_usable(bare_url, may_migrate=False)
    assert SchemaState.OLDER is await schema_state(bare_url)
    await ensure_usable(bare_url, may_migrate=True)

    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_an_empty_database_is_not_opened_without_migration(bare_url: str) -> None:
    """If missing databases were created, a mistyped path would create another instance."""
    with pytest.raises(SettingsError, match="pushpaka migrate"):
        async with open_storage(bare_url, migrate=False):
            pass

    assert not await Path(bare_url.removeprefix("sqlite:///")).exists()


async def test_a_newer_compatible_database_is_used(any_url: str) -> None:
    """A process of the previous version can be started again after a migration."""
    await to_thread.run_sync(change, any_url, NEWER)

    assert SchemaState.AHEAD is await schema_state(any_url)
    for is_migrated in (True, False):
        async with open_storage(any_url, migrate=is_migrated) as storage:
            await storage.check_schema()
    assert SchemaState.AHEAD is await schema_state(any_url)


async def test_a_newer_database_is_refused(any_url: str) -> None:
    """Starting and running processes refuse a newer database."""
    async with open_storage(any_url, migrate=False) as storage:
        await storage.check_schema()
        await to_thread.run_sync(change, any_url, NEWER, UNSPARING)

        with pytest.raises(SettingsError, match="is newer than this version of Pushpaka"):
            await storage.check_schema()

    assert SchemaState.NEWER is await schema_state(any_url)
    for is_migrated in (True, False):
        with pytest.raises(SettingsError, match="is newer than this version of Pushpaka"):
            async with open_storage(any_url, migrate=is_migrated):
                pass


async def test_every_migration_is_listed_in_order() -> None:
    """Each entry names the oldest schema version with which the migration is compatible."""
    scripts = [*ScriptDirectory.from_config(_config()).walk_revisions()]
    schema_versions = SchemaVersions(
        {script.revision: script.module.oldest for script in reversed(scripts)}
    )

    known = await read_schema_versions()

    assert schema_versions == known
    assert schema_versions.newest == known.newest


def test_compatibility_includes_all_later_migrations() -> None:
    """A version has to be compatible with every migration that is applied after it."""
    schema_versions = SchemaVersions(
        {"0001": "0001", "0002": "0001", "0003": "0003", "0004": "0002"}
    )

    is_online = {
        present: schema_versions.stays_compatible(present)
        for present in ("0001", "0002", "0003", "0004")
    }

    assert {"0001": False, "0002": False, "0003": True, "0004": True} == is_online


async def test_older_database_can_be_migrated_while_in_use(
    bare_url: str, tmp_path: SyncPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is compatible with processes of the previous version, which keep running."""
    is_online = [await allows_online_migration(bare_url)]
    await migrate(bare_url)
    is_online.append(await allows_online_migration(bare_url))
    become_next_version(monkeypatch, tmp_path)
    is_online.append(await allows_online_migration(bare_url))

    assert [True, True, True] == is_online


async def test_a_database_keeps_its_instance_id(bare_url: str, tmp_path: SyncPath) -> None:
    """The id is created with the tables, and is different in each database."""
    first = await ensure_usable(bare_url, may_migrate=False)
    other = await ensure_usable(f"sqlite:///{tmp_path / 'other.db'}", may_migrate=False)

    assert first == await ensure_usable(bare_url, may_migrate=True) != other


async def test_the_database_of_another_instance_is_refused(url: str, tmp_path: SyncPath) -> None:
    """A data directory belongs to one database, and no other database is created."""
    known, new = await ensure_usable(url, may_migrate=False), f"sqlite:///{tmp_path / 'new.db'}"
    await require_same_instance(url, known)

    with pytest.raises(SettingsError, match="belong to different instances"):
        await require_same_instance(url, uuid4())
    with pytest.raises(SettingsError, match="is empty"):
        await require_same_instance(new, known)

    assert not await Path(tmp_path / "new.db").exists()


async def test_a_failed_migration_changes_nothing(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def fail_at_the_end(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise ZeroDivisionError

    monkeypatch.setattr(command, "upgrade", fail_at_the_end)

    with pytest.raises(ZeroDivisionError):
        await migrate(bare_url)

    assert SchemaState.EMPTY is await schema_state(bare_url)


@pytest.mark.suite("integration")
async def test_a_killed_migration_is_completed_by_the_next(bare_url: str) -> None:
    """F39: the killed migration leaves no changes and no locks."""
    killed = await run_process([sys.executable, "-c", KILLED, bare_url], check=False)

    assert (-SIGKILL, SchemaState.EMPTY) == (killed.returncode, await schema_state(bare_url))
    await migrate(bare_url)
    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_concurrent_migrations_run_once(bare_url: str) -> None:
    """The other processes wait for the first migration."""
    async with create_task_group() as processes:
        for _ in range(3):
            processes.start_soon(migrate, bare_url)

    assert SchemaState.CURRENT is await schema_state(bare_url)


@pytest.mark.needs("postgres")
async def test_waiting_for_a_migration_ignores_the_query_timeout(postgres_url: str) -> None:
    """The migration of a large table can take longer than the timeout of a query."""
    has_begun, impatient = Event(), timedelta(milliseconds=100)
    overdue = sa.text(
        "SELECT count(*) FROM pg_locks"
        " WHERE NOT granted AND clock_timestamp() - waitstart > interval '200 milliseconds'"
    )

    def migrate_until_another_has_waited(connection: sa.Connection) -> None:
        from_thread.run_sync(has_begun.set)
        while not connection.scalar(overdue):
            from_thread.run(sleep, 0.01)

    async def work(step: Callable[[sa.Connection], object]) -> object:
        database = database_at(postgres_url)
        return await to_thread.run_sync(
            partial(database.run_with_schema_lock, step, wait_timeout=impatient)
        )

    with fail_after(60):
        async with create_task_group() as processes:
            processes.start_soon(work, migrate_until_another_has_waited)
            await has_begun.wait()
            limit = await work(lambda connection: connection.scalar(sa.text("SHOW lock_timeout")))

    assert "100ms" == limit


async def test_file_that_is_not_a_database_is_rejected(url: str, file: SyncPath) -> None:
    """The error names the file and its setting, and the file is not changed."""
    letter = "This is a letter, not a database.\n" * 100
    await Path(file).write_text(letter)

    with pytest.raises(SettingsError, match=rf"{file} is not a database.*PUSHPAKA_DATABASE_URL"):
        await migrate(url)

    assert letter == await Path(file).read_text()


async def test_a_missing_directory_is_reported(tmp_path: SyncPath) -> None:
    with pytest.raises(SettingsError, match=r"missing/pushpaka\.db cannot be opened"):
        await migrate(f"sqlite:///{tmp_path / 'missing' / 'pushpaka.db'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/db"])
async def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    """The message lists the supported URLs."""
    with pytest.raises(SettingsError, match='Use "sqlite:///'):
        async with open_storage(url, migrate=True):
            pass


async def test_new_database_is_only_readable_by_its_owner(url: str) -> None:
    """The file contains hashes and ciphertexts, and other users' programs run on the host."""
    await migrate(url)

    status = await Path(url.removeprefix("sqlite:///")).stat()

    assert 0o600 == status.st_mode & 0o777
