"""The schema, and its way from one version to the next."""

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path as SyncPath
from signal import SIGKILL

import attrs
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import Event, Path, create_task_group, from_thread, run_process, to_thread
from tests.adapters.sql.operators import change

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.migration import SchemaState, migrate, schema_state
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.converters import to_row
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects import (
    a_custom_domain,
    a_deployment,
    a_project,
    a_release,
    a_target,
    a_timeline_event,
    a_user,
    a_worker,
    an_audit_entry,
    an_entry,
    an_env_var,
    an_environment,
    an_instance,
)

pytestmark = pytest.mark.anyio

USER = a_user()
PROJECT = a_project(USER)
DEPLOYMENT = a_deployment(PROJECT)
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


async def test_migrations_make_the_tables_of_the_schema(bare_url: str) -> None:
    """What the migrations leave is what the code expects, indexes included."""
    await migrate(bare_url)

    assert [] == await to_thread.run_sync(_differences, bare_url)


def _differences(url: str) -> list[object]:
    return database_at(url).work_on_schema(_compare, patience=PATIENCE)


def _compare(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))


@pytest.mark.parametrize(
    ("table", "entity"),
    [
        (schema.users, USER),
        (schema.projects, PROJECT),
        (schema.deployments, DEPLOYMENT),
        (schema.targets, a_target(DEPLOYMENT)),
        (schema.releases, a_release(DEPLOYMENT)),
        (schema.instances, an_instance(DEPLOYMENT)),
        (schema.log_lines, LogLine.of(an_entry(), deployment_id=DEPLOYMENT.id, seq=1)),
        (schema.env_vars, an_env_var(PROJECT)),
        (schema.environments, an_environment(DEPLOYMENT)),
        (schema.custom_domains, a_custom_domain(PROJECT)),
        (schema.audit_entries, an_audit_entry(USER.id)),
        (schema.timeline_events, a_timeline_event(DEPLOYMENT)),
        (schema.nodes, Node(runtime="process", name="alpha")),
        (schema.node_leases, NodeLease(node="alpha", holder="first")),
        (schema.workers, a_worker()),
    ],
    ids=lambda value: value.name if isinstance(value, sa.Table) else "",
)
async def test_every_field_has_its_column(table: sa.Table, entity: attrs.AttrsInstance) -> None:
    """A field that is added to the domain cannot be forgotten here."""
    assert set(to_row(entity)) == set(table.columns.keys()) - {"position"}


async def test_a_new_database_is_empty(bare_url: str) -> None:
    """Before the first migration there is no schema."""
    assert SchemaState.EMPTY is await schema_state(bare_url)


async def test_a_migrated_database_is_current(bare_url: str) -> None:
    """To migrate again is harmless."""
    await migrate(bare_url)
    await migrate(bare_url)

    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_an_older_database_is_migrated_only_when_asked(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the message names the command that does it."""
    await migrate(bare_url)
    monkeypatch.setattr(ScriptDirectory, "get_current_head", lambda _: "0002")
    assert SchemaState.OLDER is await schema_state(bare_url)

    with pytest.raises(SettingsError, match="pushpaka migrate"):
        async with open_storage(bare_url, migrate=False):
            pass


async def test_an_empty_database_is_not_opened_unmigrated(bare_url: str) -> None:
    """A mistyped path does not become a second, empty platform by itself."""
    with pytest.raises(SettingsError, match="pushpaka migrate"):
        async with open_storage(bare_url, migrate=False):
            pass

    assert not await Path(bare_url.removeprefix("sqlite:///")).exists()


async def test_a_newer_database_is_refused(bare_url: str) -> None:
    """A program does not write into a schema that it does not know."""
    await migrate(bare_url)
    await to_thread.run_sync(change, bare_url, "UPDATE alembic_version SET version_num = '9999'")

    assert SchemaState.NEWER is await schema_state(bare_url)
    for is_migrated in (True, False):
        with pytest.raises(SettingsError, match="written by a newer Pushpaka"):
            async with open_storage(bare_url, migrate=is_migrated):
                pass


async def test_a_failed_migration_changes_nothing(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is brought up to date wholly or not at all."""
    upgrade = command.upgrade

    def fail_at_the_end(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise ZeroDivisionError

    monkeypatch.setattr(command, "upgrade", fail_at_the_end)

    with pytest.raises(ZeroDivisionError):
        await migrate(bare_url)

    assert SchemaState.EMPTY is await schema_state(bare_url)


async def test_a_migration_that_is_killed_half_way_is_done_by_the_next(bare_url: str) -> None:
    """F39: what the killed one made is not there, and blocks nobody."""
    killed = await run_process([sys.executable, "-c", KILLED, bare_url], check=False)

    assert (-SIGKILL, SchemaState.EMPTY) == (killed.returncode, await schema_state(bare_url))
    await migrate(bare_url)
    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_several_that_migrate_at_once_do_it_once(bare_url: str) -> None:
    """Processes that are started together wait for the first of them."""
    async with create_task_group() as processes:
        for _ in range(3):
            processes.start_soon(migrate, bare_url)

    assert SchemaState.CURRENT is await schema_state(bare_url)


@pytest.mark.needs("postgres")
async def test_who_waits_for_a_migration_is_as_patient_as_that_takes(postgres_url: str) -> None:
    """A large table takes longer than a server that does not answer is waited for."""
    has_begun, impatient = Event(), timedelta(milliseconds=100)

    def migrate_slowly(connection: sa.Connection) -> None:
        from_thread.run_sync(has_begun.set)
        connection.execute(sa.select(sa.func.pg_sleep(1)))

    async def work(step: Callable[[sa.Connection], object]) -> object:
        database = database_at(postgres_url)
        return await to_thread.run_sync(partial(database.work_on_schema, step, patience=impatient))

    async with create_task_group() as processes:
        processes.start_soon(work, migrate_slowly)
        await has_begun.wait()
        limit = await work(lambda connection: connection.scalar(sa.text("SHOW lock_timeout")))

    assert "100ms" == limit


async def test_a_file_that_is_no_database_is_named_so(url: str, file: SyncPath) -> None:
    """The operator is told, and the file is left as it was."""
    letter = "This is a letter, not a database.\n" * 100
    await Path(file).write_text(letter)

    with pytest.raises(SettingsError, match=rf"{file} is not a database.*PUSHPAKA_DATABASE_URL"):
        await migrate(url)

    assert letter == await Path(file).read_text()


async def test_a_directory_that_is_missing_is_told(tmp_path: SyncPath) -> None:
    """A database that cannot be made is a setting to be mended."""
    with pytest.raises(SettingsError, match=r"missing/pushpaka\.db cannot be opened"):
        await migrate(f"sqlite:///{tmp_path / 'missing' / 'pushpaka.db'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/db"])
async def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    """The message says which addresses can."""
    with pytest.raises(SettingsError, match="use sqlite:///"):
        async with open_storage(url, migrate=True):
            pass


async def test_new_database_can_be_read_by_its_owner_alone(url: str) -> None:
    """It holds hashes and ciphertexts; programs of other users run on the same host."""
    await migrate(url)

    status = await Path(url.removeprefix("sqlite:///")).stat()

    assert 0o600 == status.st_mode & 0o777
