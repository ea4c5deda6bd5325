"""Tests the timestamp columns."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from pushpaka_core.adapters.sql.columns import time

EAST = timezone(timedelta(hours=5))
moments = sa.Table("moments", sa.MetaData(), time("at"))


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        moments.metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_times_are_sorted_chronologically(connection: sa.Connection) -> None:
    """The order does not depend on the time zone, and times are returned in UTC."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    given = [
        noon,
        (noon - timedelta(hours=1)).astimezone(EAST),
        noon + timedelta(microseconds=1),
        noon - timedelta(microseconds=1),
    ]
    connection.execute(sa.insert(moments), [{"at": moment} for moment in given])

    read = connection.scalars(sa.select(moments.c.at).order_by(moments.c.at)).all()

    assert sorted(given) == read
    assert {UTC} == {moment.tzinfo for moment in read}


def test_a_time_without_a_zone_is_refused(connection: sa.Connection) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        connection.execute(sa.insert(moments).values(at=datetime(2026, 3, 1)))  # noqa: DTZ001 - this is the point
