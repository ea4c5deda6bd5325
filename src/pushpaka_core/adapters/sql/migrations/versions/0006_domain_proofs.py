"""
What was seen of custom domains in the DNS.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Add columns that an older program leaves empty."""
    time = sa.DateTime(timezone=True)
    op.add_column("custom_domains", sa.Column("missing_since", time, nullable=True))
    op.add_column("custom_domains", sa.Column("checked_at", time, nullable=True))
    op.add_column("custom_domains", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("custom_domains", sa.Column("reachability", sa.JSON(), nullable=True))
