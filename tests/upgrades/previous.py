"""
Pushpaka as it was before its last migration: this program, without what came with that.

Run as a program it is `pushpaka`. Whoever adds a migration moves it on: `_NEWEST` becomes the
schema before, and what is undone here is what the new migration brought to the program.
"""

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import mkdtemp

import sqlalchemy as sa

from pushpaka_core.adapters.sql import migration, migrations, projects, schema
from pushpaka_core.adapters.sql.members import SqlInvitations, SqlVisibleMembers
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_http.cli.entry import main

_NEWEST = "0009"


def _scripts() -> str:
    """Return a directory with the migrations up to the newest that is known."""
    directory = Path(mkdtemp(prefix="migrations-")) / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, directory)
    for script in (directory / "versions").glob("*.py"):
        if script.name[: len(_NEWEST)] > _NEWEST:
            script.unlink()
    return str(directory)


async def _nothing(*_: object) -> None:
    """Do nothing with a table that there was not."""


def _none(_: Actor) -> sa.Select[tuple[ProjectId]]:
    """Stand for the projects in whose teams somebody is where there are no teams."""
    return sa.select(schema.projects.c.id).where(sa.false())


async def _owners(
    _: SqlVisibleMembers, project_ids: Collection[ProjectId], /
) -> Mapping[ProjectId, ProjectRole]:
    """Stand for the roles of who sees projects where there are no teams."""
    return dict.fromkeys(project_ids, ProjectRole.OWNER)


if __name__ == "__main__":
    migration._SCRIPTS = _scripts()
    projects.joined_ids = _none  # type: ignore[assignment]  # its parameter is not named
    SqlVisibleMembers.own_roles = _owners  # type: ignore[method-assign]
    SqlInvitations.forget = _nothing  # type: ignore[method-assign]
    main()
