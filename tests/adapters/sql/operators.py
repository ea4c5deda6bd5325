"""What somebody does to a database past the platform."""

import sqlalchemy as sa

from pushpaka_core.adapters.sql.engine import PATIENCE, database_at


def change(url: str, statement: str) -> None:
    """Run one statement."""

    def execute(connection: sa.Connection) -> None:
        connection.execute(sa.text(statement))

    database_at(url).work_on_schema(execute, patience=PATIENCE)
