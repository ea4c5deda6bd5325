"""Column types and constructors for the schema."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An aware timestamp, stored in UTC and returned in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC. Raise ValueError for a naive timestamp."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value.isoformat()} has no time zone. Use a time with one.")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return an aware timestamp in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class PlainText(sa.types.TypeDecorator[str]):
    """
    Text. PostgreSQL cannot store NUL, so it is replaced in parameters.

    The domain rejects NUL in stored values. A search for a text with NUL therefore finds nothing,
    instead of failing.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Replace NUL with U+FFFD on PostgreSQL."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x00", "\ufffd")


SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text sorted by code point, regardless of the database's locale."""


def uuid_key(name: str = "id") -> sa.Column[Any]:
    """Return a UUID primary key."""
    return sa.Column(name, sa.Uuid(), primary_key=True)


def position_and_id() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return a sequential primary key, which keeps the order of insertion, and a unique id."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return (
        sa.Column("position", number, primary_key=True),
        sa.Column("id", sa.Uuid(), nullable=False, unique=True),
    )


def parent_key(name: str, table: str) -> sa.Column[Any]:
    """Return a foreign key to *table*. Rows are deleted together with the row they refer to."""
    to = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Uuid(), to, nullable=False)


def uuid(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column for the id of a row that may have been deleted. It is not a foreign key."""
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a text column. Lengths are checked in the domain."""
    return sa.Column(name, PlainText(), nullable=nullable)


def sorted_text(name: str, *, primary_key: bool = False) -> sa.Column[Any]:
    """Return a text column that is sorted by code point."""
    return sa.Column(name, SORTED_TEXT, nullable=False, primary_key=primary_key)


def integer(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column for a 64-bit integer."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column for a floating-point number."""
    return sa.Column(name, sa.Double(), nullable=nullable)


def flag(name: str) -> sa.Column[Any]:
    """Return a column for a boolean."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column for a timestamp."""
    return sa.Column(name, UTCDateTime(), nullable=nullable)


def document(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column for a JSON document."""
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


def secret(name: str, *, nullable: bool = False) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return the columns of an encrypted value: the id of its key, and the ciphertext."""
    return (
        sa.Column(f"{name}_key_id", sa.Text(), nullable=nullable),
        sa.Column(f"{name}_ciphertext", sa.LargeBinary(), nullable=nullable),
    )
