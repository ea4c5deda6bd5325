"""
Whoever waits for a worker is found without a look at all that waits.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Make an index of what waits, by user and age."""
    is_waiting = sa.text("status = 'queued'")
    op.create_index(
        "ix_deployments_waiting",
        "deployments",
        ["status", "user_id", "created_at", "sequence", "id"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
