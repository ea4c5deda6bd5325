"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

from pushpaka_core.adapters.sql import migration, migrations
from pushpaka_core.adapters.sql.lineage import SchemaState
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap import host
from pushpaka_core.bootstrap.ground import Ground
from pushpaka_core.settings import Settings
from pushpaka_http.cli.entry import main

_NEWEST = "0001"


def _scripts() -> str:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return str(directory)


@asynccontextmanager
async def _kept(settings: Settings, ground: Ground, *, is_alone: bool) -> AsyncIterator[host._Kept]:
    """Open the database, whichever it is: no instance had an id, and none was asked for."""
    del ground, is_alone
    is_empty = await migration.schema_state(settings.storage_url) is SchemaState.EMPTY
    async with open_storage(settings.storage_url, migrate=is_empty) as storage:
        yield host._Kept(
            instance_id=UUID(int=0), storage=storage, schema_check=storage.check_schema
        )


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    host._kept = _kept
    main()
