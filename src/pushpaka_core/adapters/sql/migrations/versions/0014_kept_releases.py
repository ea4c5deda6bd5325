"""
What is kept for rollbacks is found without a look at all that ever ran.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Make an index of the releases that have their artifact, and one of what runs a release."""
    for name, table, column, condition in (
        ("ix_releases_kept", "releases", "project_id", "removed_at IS NULL"),
        ("ix_deployments_release", "deployments", "release_id", "release_id IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
