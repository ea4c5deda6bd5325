"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from pushpaka_core.adapters.sql import migration, migrations, schema
from pushpaka_http.cli.entry import main

_NEWEST = "0005"
_NEW_COLUMNS = ("missing_since", "checked_at", "reason", "reachability")


def _scripts() -> str:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return str(directory)


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    for name in _NEW_COLUMNS:
        schema.custom_domains._columns.remove(schema.custom_domains.c[name])
    main()
