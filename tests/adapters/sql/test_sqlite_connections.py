"""Tests that a connection passes each statement to its thread only once."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.engine import open_connection_pools

pytestmark = pytest.mark.anyio

NUMBERS = sa.text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500) "
    "SELECT n FROM numbers"
)


@pytest.fixture
async def connection(url: str) -> AsyncIterator[AsyncConnection]:
    async with (
        open_connection_pools(url, wait_timeout=timedelta(seconds=1)) as (writing, _),
        writing.engine.connect() as connection,
    ):
        yield connection


async def test_all_of_many_rows_are_returned(connection: AsyncConnection) -> None:
    found = (await connection.scalars(NUMBERS)).all()

    assert list(range(1, 2501)) == found


async def test_rows_can_be_fetched_in_batches(connection: AsyncConnection) -> None:
    async with connection.stream_scalars(NUMBERS) as found:
        parts = [part async for part in found.partitions(700)]
    async with connection.stream_scalars(NUMBERS) as found:
        first = await found.fetchmany(3)

    assert [700, 700, 700, 400] == [len(part) for part in parts]
    assert [1, 2, 3] == first


async def test_transaction_that_cannot_begin_writes_nothing(url: str) -> None:
    """If BEGIN fails, later statements do not run outside a transaction."""
    async with open_connection_pools(url, wait_timeout=timedelta(seconds=0.1)) as (writing, _):
        async with writing.engine.begin() as connection:
            await connection.execute(sa.text("CREATE TABLE things (name TEXT)"))
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            async with writing.engine.connect() as connection:
                with pytest.raises(sa.exc.OperationalError, match="locked"):
                    await connection.execute(sa.text("INSERT INTO things VALUES ('one')"))
                other.rollback()
                await connection.execute(sa.text("INSERT INTO things VALUES ('two')"))
                await connection.rollback()
        async with writing.engine.connect() as connection:
            kept = (await connection.scalars(sa.text("SELECT name FROM things"))).all()

    assert [] == kept


async def test_canceled_begin_holds_no_lock(url: str) -> None:
    """Another connection can write after the cancellation of BEGIN."""
    async with open_connection_pools(url, wait_timeout=timedelta(seconds=1)) as (writing, _):
        async with create_task_group() as tasks:

            async def begin() -> None:
                async with writing.engine.connect() as connection:
                    await connection.begin()

            tasks.start_soon(begin)
            await checkpoint()
            await checkpoint()
            tasks.cancel_scope.cancel()

        with fail_after(60):
            async with writing.engine.begin() as connection:
                await connection.execute(sa.text("CREATE TABLE things (name TEXT)"))
