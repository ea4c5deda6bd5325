"""
What people send instead of a commit.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
oldest = "0001"

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make two tables, and a column that an older program leaves empty."""
    op.add_column("deployments", sa.Column("archive", sa.Text(), nullable=True))
    op.create_table(
        "archives",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("completed_at", _time, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_archives_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_archives"),
    )
    is_complete = sa.text("completed_at IS NOT NULL")
    op.create_index(
        "uq_archives_hash",
        "archives",
        ["project_id", "sha256"],
        unique=True,
        sqlite_where=is_complete,
        postgresql_where=is_complete,
    )
    op.create_index("ix_archives_project", "archives", ["project_id", "created_at"])
    op.create_table(
        "archive_chunks",
        sa.Column("archive_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"],
            ["archives.id"],
            name="fk_archive_chunks_archive_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("archive_id", "number", name="pk_archive_chunks"),
    )
