"""
Simulates the next version of Pushpaka: this version with an additional migration.

The migration adds a column that this version ignores, so both versions can use the schema.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from pushpaka_core.adapters.sql import migration
from pushpaka_http.cli.entry import main

_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{newest}"
branch_labels = None
depends_on = None
oldest = "{newest}"


def upgrade():
    op.add_column("nodes", sa.Column("next", sa.Text(), nullable=True))
"""


def create_migrations_of_next_version(directory: Path) -> Path:
    """Copy all migrations, and an additional one, to a folder in *directory*. Return the folder."""
    newest = migration._schema_versions().newest
    copy = directory / "migrations"
    shutil.copytree(migration._SCRIPTS, copy)
    script = _MIGRATION.format(revision=f"{int(newest) + 1:04}", newest=newest)
    (copy / "versions" / "9999_next.py").write_text(script)
    return copy


if __name__ == "__main__":
    scripts = create_migrations_of_next_version(Path(mkdtemp(prefix="migrations-")))
    migration._SCRIPTS = scripts
    migration._schema_versions.cache_clear()
    main()
