"""The schema's way from one version to the next."""

from enum import StrEnum

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import to_thread

from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.errors import translated_errors
from pushpaka_core.errors import SettingsError

_NEWER = (
    "The database was written by a newer Pushpaka. Install that version again, "
    "or name another database by PUSHPAKA_DATABASE_URL."
)
_OLDER = "The database is of an older Pushpaka, or empty. Run: pushpaka migrate"


class SchemaState(StrEnum):
    """How the schema of a database stands to this program's."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    EMPTY = "empty"


async def migrate(url: str) -> None:
    """
    Bring the schema up to date, wholly or not at all. Harmless to repeat.

    Raises:
        SettingsError: If it is newer than this program, or the database cannot be opened.
        StorageUnavailableError: If the database is in use for too long.
    """
    await to_thread.run_sync(_migrate, url)


async def schema_state(url: str) -> SchemaState:
    """Tell how the schema stands, and make nothing; SettingsError, StorageUnavailableError."""
    return await to_thread.run_sync(_schema_state, url)


async def newest_revision() -> str:
    """Return the name of this program's schema."""
    return await to_thread.run_sync(_newest_revision)


async def standing(revision: str) -> SchemaState:
    """Tell how the schema of that name stands to this program's."""
    return await to_thread.run_sync(_standing, revision)


async def require_current(url: str) -> None:
    """
    Pass only a database with the present schema.

    Raises:
        SettingsError: If it has another one, or none.
    """
    await to_thread.run_sync(_insist, url)


async def bring_up_to_date(url: str, *, migrate: bool) -> None:
    """
    Migrate, or insist on the present schema.

    Raises:
        SettingsError: If the schema is not, and does not become, the present one.
    """
    await to_thread.run_sync(_migrate if migrate else _insist, url)


def _migrate(url: str) -> None:
    with translated_errors():
        database_at(url).work_on_schema(_upgrade, patience=PATIENCE)


def _upgrade(connection: sa.Connection) -> None:
    match _state(connection):
        case SchemaState.NEWER:
            raise SettingsError(_NEWER)
        case SchemaState.OLDER | SchemaState.EMPTY:
            command.upgrade(_config(connection), "head")


def _insist(url: str) -> None:
    match _schema_state(url):
        case SchemaState.NEWER:
            raise SettingsError(_NEWER)
        case SchemaState.OLDER | SchemaState.EMPTY:
            raise SettingsError(_OLDER)


def _schema_state(url: str) -> SchemaState:
    database = database_at(url)
    if not database.is_there():
        return SchemaState.EMPTY
    with translated_errors():
        return database.work_on_schema(_state, patience=PATIENCE)


def _state(connection: sa.Connection) -> SchemaState:
    present = MigrationContext.configure(connection).get_current_revision()
    return SchemaState.EMPTY if present is None else _standing(present)


def _standing(present: str) -> SchemaState:
    scripts = ScriptDirectory.from_config(_config())
    if present == scripts.get_current_head():
        return SchemaState.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return SchemaState.OLDER if present in known else SchemaState.NEWER


def _newest_revision() -> str:
    (newest,) = ScriptDirectory.from_config(_config()).get_heads()
    return newest


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "pushpaka_core.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
