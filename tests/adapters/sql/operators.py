"""What somebody does to a database past the platform."""

import sqlalchemy as sa
from alembic import command

from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.migration import _config

NEWER = "UPDATE alembic_version SET version_num = '9999'"
"""Makes a database one that a later version has migrated."""
UNSPARING = "UPDATE schema_compatibility SET oldest = '9998'"
"""And so that this version cannot live with it."""


def change(url: str, *statements: str) -> None:
    """Run statements."""

    def execute(connection: sa.Connection) -> None:
        for statement in statements:
            connection.execute(sa.text(statement))

    database_at(url).work_on_schema(execute, patience=PATIENCE)


def migrate_to(url: str, revision: str) -> None:
    """Make the tables of an earlier version."""

    def upgrade(connection: sa.Connection) -> None:
        command.upgrade(_config(connection), revision)

    database_at(url).work_on_schema(upgrade, patience=PATIENCE)
