"""Changes to a database that an operator makes without the platform."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.upgrades.next_version import create_migrations_of_next_version

from pushpaka_core.adapters.sql import migration
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at

NEWER = "UPDATE alembic_version SET version_num = '9999'"
"""SQL after which a database looks as if a later version had migrated it."""
UNSPARING = "UPDATE schema_compatibility SET oldest = '9998'"
"""SQL that makes a database incompatible with this version."""


def change(url: str, *statements: str) -> None:
    """Run SQL statements."""

    def execute(connection: sa.Connection) -> None:
        for statement in statements:
            connection.execute(sa.text(statement))

    database_at(url).run_with_schema_lock(execute, wait_timeout=WAIT_TIMEOUT)


def become_next_version(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Add another migration, so that databases of this version become outdated."""
    monkeypatch.setattr(migration, "_SCRIPTS", create_migrations_of_next_version(directory))
    monkeypatch.setattr(migration, "_schema_versions", migration._schema_versions.__wrapped__)
