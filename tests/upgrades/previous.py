"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from pushpaka_core.adapters.sql import migration
from pushpaka_http.cli.entry import main

_NEWEST = "0013"


def _scripts() -> Path:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(migration._SCRIPTS, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return directory


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    main()
