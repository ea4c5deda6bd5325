"""
Who this instance is, and which programs can live with its schema.

Revision ID: 0002
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Make two tables of one row each, and the id of this instance."""
    identity = op.create_table(
        "identity",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", name="pk_identity"),
    )
    op.bulk_insert(identity, [{"instance_id": uuid4()}])
    compatibility = op.create_table(
        "schema_compatibility",
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_schema_compatibility"),
    )
    op.bulk_insert(compatibility, [{"oldest": oldest}])
