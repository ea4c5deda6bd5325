"""The schema's way from one version to the next; Alembic is imported where there is one to go."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.errors import translated_errors
from pushpaka_core.adapters.sql.lineage import Lineage, SchemaState
from pushpaka_core.adapters.sql.schema import alembic_version, identity, schema_compatibility
from pushpaka_core.errors import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).with_name("migrations")
_SAID = re.compile(r'^(revision|oldest) = "(\w+)"$', re.MULTILINE)
"""What a script says of itself."""
_FACTS: Mapping[str, sa.TableClause] = {
    "present": alembic_version,
    "oldest": schema_compatibility,
    "instance_id": identity,
}
"""The tables of one value, by what it says."""
_MISTAKEN = (
    "Its applications would be ended as unknown. Set PUSHPAKA_DATABASE_URL and "
    "PUSHPAKA_DATA_DIRECTORY to what belongs together; for another instance, both to new ones."
)


async def migrate(url: str) -> None:
    """
    Bring the schema up to date, wholly or not at all. Harmless to repeat.

    Raises:
        SettingsError: If it is newer than this program, or the database cannot be opened.
        StorageUnavailableError: If the database is in use for too long.
    """
    await to_thread.run_sync(_migrate, url)


async def spares_others(url: str) -> bool:
    """Tell whether programs that use the database now can go on while it is migrated."""
    return await to_thread.run_sync(_spares_others, url)


async def schema_state(url: str) -> SchemaState:
    """Tell how the schema stands, and make nothing; SettingsError, StorageUnavailableError."""
    return (await to_thread.run_sync(_look, url)).state


async def known_schemas() -> Lineage:
    """Return the schemas that this program knows."""
    return await to_thread.run_sync(_lineage)


async def require_current(url: str) -> None:
    """
    Pass only a database with the present schema.

    Raises:
        SettingsError: If it has another one, or none.
    """
    (await schema_state(url)).require_current()


async def require_same_instance(url: str, known_as: UUID | None) -> None:
    """
    Pass only a database of the instance *known_as*, or any one where that is None; make nothing.

    Raises:
        SettingsError: If it is another's, or empty and so nobody's.
    """
    found = await to_thread.run_sync(_look, url)
    if known_as is None or found.instance_id == known_as:
        return
    if found.state is SchemaState.EMPTY:
        raise SettingsError(f"The database is empty, and the data directory is not. {_MISTAKEN}")
    if found.instance_id is not None:
        raise SettingsError(
            f"The database is of another instance than the data directory. {_MISTAKEN}"
        )


async def instance_id_at(url: str) -> UUID | None:
    """Return the id of the instance whose database this is, or None where it has none yet."""
    return (await to_thread.run_sync(_look, url)).instance_id


async def make_usable(url: str, *, updates: bool) -> UUID:
    """
    Make sure of a schema that this program can use, and return whose database it is.

    An empty one gets its tables; an older one is migrated only where this call *updates* it.

    Raises:
        SettingsError: If the schema is newer than this program can use, or stays older.
    """
    found = await to_thread.run_sync(_look, url)
    if found.state is SchemaState.EMPTY or (updates and found.state is SchemaState.OLDER):
        await migrate(url)
        found = await to_thread.run_sync(_look, url)
    else:
        found.state.require_usable()
    if found.instance_id is None:
        raise SettingsError("The database has lost the id of its instance. Restore a backup.")
    return found.instance_id


async def bring_up_to_date(url: str, *, migrate: bool) -> None:
    """
    Migrate, or insist on a schema that this program can use.

    Raises:
        SettingsError: If the schema is not, and does not become, one of those.
    """
    if migrate:
        await to_thread.run_sync(_migrate, url)
    else:
        (await schema_state(url)).require_usable()


@frozen(kw_only=True)
class _Found:
    present: str | None = None
    oldest: str | None = None
    instance_id: UUID | None = None
    state: SchemaState = SchemaState.EMPTY


def _migrate(url: str) -> None:
    with translated_errors():
        database_at(url).work_on_schema(_upgrade, patience=PATIENCE)


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    state = _found(connection).state
    if state in {SchemaState.OLDER, SchemaState.EMPTY}:
        command.upgrade(_config(connection), "head")
    else:
        state.require_usable()


def _spares_others(url: str) -> bool:
    found = _look(url)
    if found.present is None or found.state is not SchemaState.OLDER:
        return True
    return _lineage().spares(found.present)


def _look(url: str) -> _Found:
    database = database_at(url)
    if not database.is_there():
        return _Found()
    with translated_errors():
        return database.work_on_schema(_found, patience=PATIENCE)


def _found(connection: sa.Connection) -> _Found:
    tables = set(sa.inspect(connection).get_table_names())
    facts = {
        fact: connection.scalar(sa.select(table))
        for fact, table in _FACTS.items()
        if table.name in tables
    }
    state = _lineage().state(facts.get("present"), facts.get("oldest"))
    return _Found(**facts, state=state)


@cache
def _lineage() -> Lineage:
    """Read what the scripts say, by whose names they are in order, without running them."""
    scripts = sorted(_SCRIPTS.glob("versions/*.py"))
    said = [dict(_SAID.findall(script.read_text())) for script in scripts]
    return Lineage({each["revision"]: each["oldest"] for each in said})


def _config(connection: sa.Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
