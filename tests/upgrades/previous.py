"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from pushpaka_core.adapters.sql import migration, migrations
from pushpaka_core.adapters.sql.tokens import SqlEndedTokens
from pushpaka_http.cli.entry import main

_NEWEST = "0007"


def _scripts() -> str:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return str(directory)


async def _never(*_: object) -> bool:
    """Answer for a table that there was not."""
    return False


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    SqlEndedTokens.has = _never  # type: ignore[method-assign]  # nobody could sign out
    main()
