"""The schema, and its way from one version to the next."""

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path as SyncPath
from signal import SIGKILL
from uuid import uuid4

import attrs
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import Event, Path, create_task_group, from_thread, run_process, to_thread
from sqlalchemy.dialects import postgresql, sqlite
from tests.adapters.sql.operators import NEWER, UNSPARING, change, migrate_to

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.lineage import Lineage, SchemaState
from pushpaka_core.adapters.sql.migration import (
    _config,
    _look,
    known_schemas,
    make_usable,
    migrate,
    require_same_instance,
    schema_state,
    spares_others,
)
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.converters import to_row
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.webhooks import WebhookDelivery
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects import (
    NOON,
    a_channel,
    a_custom_domain,
    a_deploy_key,
    a_deployment,
    a_member,
    a_message,
    a_project,
    a_release,
    a_target,
    a_timeline_event,
    a_user,
    a_webhook,
    a_worker,
    an_audit_entry,
    an_entry,
    an_env_var,
    an_environment,
    an_instance,
    an_invitation,
)

pytestmark = pytest.mark.anyio

USER = a_user()
PROJECT = a_project(USER)
DEPLOYMENT = a_deployment(PROJECT)
WEBHOOK = a_webhook(PROJECT)
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


def test_an_index_is_of_the_same_rows_in_both_databases() -> None:
    """Its condition is written once."""
    schema.take_conditions_over("postgresql")
    indexes = [index for table in schema.metadata.tables.values() for index in table.indexes]

    for index in indexes:
        on_sqlite, on_postgres = (
            str(sa.schema.CreateIndex(index).compile(dialect=kind.dialect())).partition(" WHERE ")[
                2
            ]
            for kind in (sqlite, postgresql)
        )
        assert on_sqlite == on_postgres


@pytest.mark.parametrize(
    ("table", "entity"),
    [
        (schema.users, USER),
        (schema.projects, PROJECT),
        (schema.members, a_member(PROJECT, USER)),
        (schema.invitations, an_invitation(PROJECT, "bob@example.com")),
        (schema.deployments, DEPLOYMENT),
        (schema.targets, a_target(DEPLOYMENT)),
        (schema.releases, a_release(DEPLOYMENT)),
        (schema.instances, an_instance(DEPLOYMENT)),
        (schema.log_lines, LogLine.of(an_entry(), deployment_id=DEPLOYMENT.id, seq=1)),
        (schema.env_vars, an_env_var(PROJECT)),
        (schema.environments, an_environment(DEPLOYMENT)),
        (schema.channels, a_channel(PROJECT)),
        (schema.deploy_keys, a_deploy_key(PROJECT)),
        (schema.custom_domains, a_custom_domain(PROJECT)),
        (schema.webhooks, WEBHOOK),
        (schema.outbox_messages, a_message(PROJECT)),
        (
            schema.webhook_deliveries,
            WebhookDelivery(webhook_id=WEBHOOK.id, digest="d", received_at=NOON),
        ),
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
    assert set(to_row(entity)) == set(table.columns.keys()) - {"position", "next_look_at"}


async def test_a_new_database_is_empty(bare_url: str) -> None:
    """Before the first migration there is no schema."""
    assert SchemaState.EMPTY is await schema_state(bare_url)


async def test_a_migrated_database_is_current(bare_url: str) -> None:
    """To migrate again is harmless."""
    await migrate(bare_url)
    await migrate(bare_url)

    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_an_older_database_is_migrated_only_when_asked(bare_url: str) -> None:
    """Without it the message names the command that does it."""
    await to_thread.run_sync(migrate_to, bare_url, "0001")
    assert SchemaState.OLDER is await schema_state(bare_url)

    with pytest.raises(SettingsError, match="pushpaka migrate"):
        await make_usable(bare_url, updates=False)
    assert SchemaState.OLDER is await schema_state(bare_url)
    await make_usable(bare_url, updates=True)

    assert SchemaState.CURRENT is await schema_state(bare_url)


async def test_an_empty_database_is_not_opened_unmigrated(bare_url: str) -> None:
    """A mistyped path does not become a second, empty platform by itself."""
    with pytest.raises(SettingsError, match="pushpaka migrate"):
        async with open_storage(bare_url, migrate=False):
            pass

    assert not await Path(bare_url.removeprefix("sqlite:///")).exists()


async def test_a_newer_database_that_spares_this_program_is_used(bare_url: str) -> None:
    """As it is: a process of the version before can be started again behind a migration."""
    await migrate(bare_url)
    await to_thread.run_sync(change, bare_url, NEWER)

    assert SchemaState.AHEAD is await schema_state(bare_url)
    for is_migrated in (True, False):
        async with open_storage(bare_url, migrate=is_migrated) as storage:
            await storage.check_schema()
    assert SchemaState.AHEAD is await schema_state(bare_url)


async def test_a_newer_database_is_refused(bare_url: str) -> None:
    """A program does not write into a schema with which it cannot live."""
    await migrate(bare_url)
    await to_thread.run_sync(change, bare_url, NEWER, UNSPARING)

    assert SchemaState.NEWER is await schema_state(bare_url)
    for is_migrated in (True, False):
        with pytest.raises(SettingsError, match="written by a newer Pushpaka"):
            async with open_storage(bare_url, migrate=is_migrated):
                pass


async def test_a_program_hears_that_it_cannot_live_with_its_schema_any_more(bare_url: str) -> None:
    """Nobody is sent to a process whose database has moved on without it."""
    async with open_storage(bare_url, migrate=True) as storage:
        await storage.check_schema()
        await to_thread.run_sync(change, bare_url, NEWER, UNSPARING)

        with pytest.raises(SettingsError, match="written by a newer Pushpaka"):
            await storage.check_schema()


async def test_the_database_says_with_which_programs_it_can_live(bare_url: str) -> None:
    """What the migrations say of themselves, the least patient one of them."""
    await migrate(bare_url)
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()

    found = await to_thread.run_sync(_look, bare_url)

    assert max(script.module.oldest for script in scripts) == found.oldest


async def test_every_migration_is_known_in_its_order() -> None:
    """Each is as Alembic runs it, and with what it says of the programs before it."""
    scripts = [*ScriptDirectory.from_config(_config()).walk_revisions()]
    lineage = Lineage({script.revision: script.module.oldest for script in reversed(scripts)})

    known = await known_schemas()

    assert lineage == known
    assert lineage.newest == known.newest


def test_a_migration_spares_who_knows_what_it_leaves() -> None:
    """All that are to come count, whichever of them it is."""
    lineage = Lineage({"0001": "0001", "0002": "0001", "0003": "0003", "0004": "0002"})

    spared = {present: lineage.spares(present) for present in ("0001", "0002", "0003", "0004")}

    assert {"0001": False, "0002": False, "0003": True, "0004": True} == spared


async def test_an_older_database_can_be_migrated_beside_who_uses_it(bare_url: str) -> None:
    """The last migration spares the version before, and there is nobody yet on an empty one."""
    spared = [await spares_others(bare_url)]
    for revision in ("0001", "head"):
        await to_thread.run_sync(migrate_to, bare_url, revision)
        spared.append(await spares_others(bare_url))

    assert [True, True, True] == spared


async def test_a_database_is_of_one_instance_for_ever(bare_url: str, tmp_path: SyncPath) -> None:
    """Its id is made with its tables, is another's in every other database, and stays."""
    first = await make_usable(bare_url, updates=False)
    other = await make_usable(f"sqlite:///{tmp_path / 'other.db'}", updates=False)

    assert first == await make_usable(bare_url, updates=True) != other


async def test_the_database_of_another_instance_is_refused(url: str, tmp_path: SyncPath) -> None:
    """Who has a data directory goes on with its own database alone, and makes no other."""
    known, new = await make_usable(url, updates=False), f"sqlite:///{tmp_path / 'new.db'}"
    await require_same_instance(url, known)

    with pytest.raises(SettingsError, match="of another instance"):
        await require_same_instance(url, uuid4())
    with pytest.raises(SettingsError, match="is empty"):
        await require_same_instance(new, known)

    assert not await Path(tmp_path / "new.db").exists()


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
