"""Migrates and checks the schema. Alembic is imported only if there is something to migrate."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at
from pushpaka_core.adapters.sql.connections.errors import translated_errors
from pushpaka_core.adapters.sql.schema import alembic_version, identity, schema_compatibility
from pushpaka_core.adapters.sql.schema_versions import SchemaState, SchemaVersions
from pushpaka_core.errors import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).with_name("migrations")
_DECLARATION = re.compile(r'^(revision|oldest) = "(\w+)"$', re.MULTILINE)
"""Matches the lines of a migration script that declare `revision` and `oldest`."""
_VALUE_TABLES: Mapping[str, sa.TableClause] = {
    "present": alembic_version,
    "oldest": schema_compatibility,
    "instance_id": identity,
}
"""Tables with a single value, by the field of `_SchemaInfo` that contains the value."""
_MISMATCH_ADVICE = (
    "Starting would stop the applications in the data directory because this database does not "
    "contain them. Set PUSHPAKA_DATABASE_URL and PUSHPAKA_DATA_DIRECTORY to the database and the "
    "directory of the same instance, or set both to new locations."
)


async def migrate(url: str) -> None:
    """
    Migrate the schema to the latest revision, in one transaction. Harmless to repeat.

    Raises:
        SettingsError: If the schema is newer than this version, or the database cannot be opened.
        StorageUnavailableError: If the database is locked for too long.
    """
    await to_thread.run_sync(_migrate, url)


async def allows_online_migration(url: str) -> bool:
    """Return whether running programs can keep using the database while it is migrated."""
    return await to_thread.run_sync(_can_migrate_online, url)


async def schema_state(url: str) -> SchemaState:
    """
    Return the state of the schema, without creating anything.

    Raises:
        SettingsError: If the database cannot be opened.
        StorageUnavailableError: If it does not respond.
    """
    return (await to_thread.run_sync(_inspect, url)).state


async def read_schema_versions() -> SchemaVersions:
    """Return the schema revisions that this version has migrations for."""
    return await to_thread.run_sync(_schema_versions)


async def require_current(url: str) -> None:
    """Raise SettingsError unless the schema is exactly that of this version."""
    (await schema_state(url)).require_current()


async def require_same_instance(url: str, data_directory_instance: UUID | None) -> None:
    """
    Require that the database belongs to the instance *data_directory_instance*. Creates nothing.

    Args:
        url: URL of the database.
        data_directory_instance: The instance that the data directory belongs to, or None to accept
            any.

    Raises:
        SettingsError: If it belongs to another instance, or is empty.
    """
    found = await to_thread.run_sync(_inspect, url)
    if data_directory_instance is None or found.instance_id == data_directory_instance:
        return
    if found.state is SchemaState.EMPTY:
        raise SettingsError(
            f"The database is empty, but the data directory is not. {_MISMATCH_ADVICE}"
        )
    if found.instance_id is not None:
        raise SettingsError(
            f"The database and the data directory belong to different instances. {_MISMATCH_ADVICE}"
        )


async def instance_id_at(url: str) -> UUID | None:
    """Return the id of the instance that the database belongs to, or None if it is new."""
    return (await to_thread.run_sync(_inspect, url)).instance_id


async def ensure_usable(url: str, *, may_migrate: bool) -> UUID:
    """
    Make sure that this version can use the schema, and return the id of the instance.

    Args:
        url: URL of the database. An empty one gets its tables.
        may_migrate: Whether to migrate an older schema.

    Raises:
        SettingsError: If the schema is newer than this version can use, or older and not migrated.
    """
    found = await to_thread.run_sync(_inspect, url)
    if found.state is SchemaState.EMPTY or (may_migrate and found.state is SchemaState.OLDER):
        await migrate(url)
        found = await to_thread.run_sync(_inspect, url)
    else:
        found.state.require_usable()
    if found.instance_id is None:
        raise SettingsError("The database has no instance id. Restore it from a backup.")
    return found.instance_id


async def migrate_or_require_usable(url: str, *, migrate: bool) -> None:
    """
    Migrate the schema, or require that this version can use it.

    Raises:
        SettingsError: If this version cannot use the schema.
    """
    if migrate:
        await to_thread.run_sync(_migrate, url)
    else:
        (await schema_state(url)).require_usable()


@frozen(kw_only=True)
class _SchemaInfo:
    present: str | None = None
    oldest: str | None = None
    instance_id: UUID | None = None
    state: SchemaState = SchemaState.EMPTY


def _migrate(url: str) -> None:
    with translated_errors():
        database_at(url).run_with_schema_lock(_upgrade, wait_timeout=WAIT_TIMEOUT)


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    state = _read_schema_info(connection).state
    if state in {SchemaState.OLDER, SchemaState.EMPTY}:
        command.upgrade(_config(connection), "head")
    else:
        state.require_usable()


def _can_migrate_online(url: str) -> bool:
    found = _inspect(url)
    if found.present is None or found.state is not SchemaState.OLDER:
        return True
    return _schema_versions().stays_compatible(found.present)


def _inspect(url: str) -> _SchemaInfo:
    database = database_at(url)
    if not database.exists():
        return _SchemaInfo()
    with translated_errors():
        return database.run_with_schema_lock(_read_schema_info, wait_timeout=WAIT_TIMEOUT)


def _read_schema_info(connection: sa.Connection) -> _SchemaInfo:
    tables = set(sa.inspect(connection).get_table_names())
    facts = {
        fact: connection.scalar(sa.select(table))
        for fact, table in _VALUE_TABLES.items()
        if table.name in tables
    }
    state = _schema_versions().state(facts.get("present"), facts.get("oldest"))
    return _SchemaInfo(**facts, state=state)


@cache
def _schema_versions() -> SchemaVersions:
    """Return the revisions in order of file names, parsed from the scripts without running them."""
    scripts = sorted(_SCRIPTS.glob("versions/*.py"))
    declarations = [dict(_DECLARATION.findall(script.read_text())) for script in scripts]
    return SchemaVersions({each["revision"]: each["oldest"] for each in declarations})


def _config(connection: sa.Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
