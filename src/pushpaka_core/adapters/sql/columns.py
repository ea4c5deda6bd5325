"""The kinds of columns that the schema is made of."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time: kept in UTC, given back in UTC, and sorted as it passes."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a time without a zone, and drop the zone where the database knows none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value.isoformat()} has no zone.")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class PlainText(sa.types.TypeDecorator[str]):
    """
    Text, of which PostgreSQL keeps all but NUL.

    Nothing that is kept has one, so that what is looked for with one is not found there.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Put another character in its place."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x00", "\ufffd")


SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its characters, whatever the language of the database."""


def key(name: str = "id") -> sa.Column[Any]:
    """Return a column with the id that a row is found by."""
    return sa.Column(name, sa.Uuid(), primary_key=True)


def unique_id() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return an id beside a number that remembers the order in which rows were added."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return (
        sa.Column("position", number, primary_key=True),
        sa.Column("id", sa.Uuid(), nullable=False, unique=True),
    )


def owner(name: str, table: str) -> sa.Column[Any]:
    """Return a column with the id of the row that this one goes away with."""
    to = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Uuid(), to, nullable=False)


def uuid(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column with the id of something that may be gone."""
    return sa.Column(name, sa.Uuid(), nullable=null)


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column for text; how long it may be is the domain's business."""
    return sa.Column(name, PlainText(), nullable=null)


def sorted_text(name: str, *, primary_key: bool = False) -> sa.Column[Any]:
    """Return a column for text that rows are sorted by."""
    return sa.Column(name, SORTED_TEXT, nullable=False, primary_key=primary_key)


def integer(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column for a whole number."""
    return sa.Column(name, sa.BigInteger(), nullable=null)


def number(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column for a number with a fraction."""
    return sa.Column(name, sa.Double(), nullable=null)


def flag(name: str) -> sa.Column[Any]:
    """Return a column for yes or no."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def time(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column for a moment."""
    return sa.Column(name, UTCDateTime(), nullable=null)


def document(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Return a column for what is only read and written as a whole."""
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=null)


def secret(name: str, *, null: bool = False) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return the columns of a ciphertext and the id of its key."""
    return (
        sa.Column(f"{name}_key_id", sa.Text(), nullable=null),
        sa.Column(f"{name}_ciphertext", sa.LargeBinary(), nullable=null),
    )
