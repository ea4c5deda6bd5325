"""
The servers of databases, whose files are in volumes.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    """Add the columns of a volume that belongs to a database."""
    op.add_column("volumes", sa.Column("server", sa.JSON(), nullable=True))
    op.add_column("volumes", sa.Column("server_password_key_id", sa.Text(), nullable=True))
    op.add_column(
        "volumes", sa.Column("server_password_ciphertext", sa.LargeBinary(), nullable=True)
    )
