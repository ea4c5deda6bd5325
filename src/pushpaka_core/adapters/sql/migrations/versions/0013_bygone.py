"""
What is over for long is found without a look at all that is over.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Make an index of the steps of deployments by their time."""
    op.create_index("ix_timeline_events_created", "timeline_events", ["created_at"])
