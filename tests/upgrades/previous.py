"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from cattrs.gen import make_dict_unstructure_fn, override

from pushpaka_core.adapters.sql import migration, migrations, schema
from pushpaka_core.adapters.sql.archives import SqlArchives
from pushpaka_core.converters import _rows
from pushpaka_core.domain.deployments import Deployment
from pushpaka_http.cli.entry import main

_NEWEST = "0010"


def _scripts() -> str:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return str(directory)


async def _none(*_: object) -> tuple[object, ...]:
    """Stand for the archives where there are none."""
    return ()


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    schema.deployments._columns.remove(schema.deployments.c.archive)
    without = make_dict_unstructure_fn(Deployment, _rows, archive=override(omit=True))
    _rows.register_unstructure_hook(Deployment, without)
    SqlArchives.unneeded = _none  # type: ignore[method-assign,assignment]
    main()
