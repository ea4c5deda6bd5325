"""
When channels were last told, and when custom domains are looked at next.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Add columns that an older program leaves empty; without a time a domain is looked at soon."""
    time = sa.DateTime(timezone=True)
    op.add_column("channels", sa.Column("told_at", time, nullable=True))
    op.add_column("channels", sa.Column("error", sa.Text(), nullable=True))
    op.add_column("custom_domains", sa.Column("next_look_at", time, nullable=True))
    op.create_index("ix_custom_domains_due", "custom_domains", ["next_look_at"])
    op.create_index("ix_custom_domains_changed", "custom_domains", ["updated_at"])
