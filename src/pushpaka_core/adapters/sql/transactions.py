"""Opens transactions within the time limits of a connection pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import sqlalchemy as sa
from anyio import WouldBlock, current_time, move_on_after
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.connection_pool import (
    BEGIN_TIMEOUT_OPTION,
    ConnectionPool,
)
from pushpaka_core.adapters.sql.statements import shielded
from pushpaka_core.errors import StorageUnavailableError

_TIME_LIMITS = ("idle_in_transaction_session_timeout", "statement_timeout")


@asynccontextmanager
async def open_transaction(
    connection_pool: ConnectionPool, *, limits_time: bool = True
) -> AsyncIterator[AsyncConnection]:
    """
    Open a transaction, which is rolled back unless the block commits it.

    Args:
        connection_pool: The pool that provides the connection.
        limits_time: Whether the server ends the transaction after a long statement or pause.

    Raises:
        StorageUnavailableError: If no connection is free in time, or the database does not respond.
    """
    async with (
        _connection_slot(connection_pool) as rest,
        _open_connection(connection_pool) as connection,
    ):
        async with shielded(timeout=connection_pool.answer_timeout):
            await connection.execution_options(**{BEGIN_TIMEOUT_OPTION: rest})
            await connection.begin()
            if not limits_time and connection.dialect.name == "postgresql":
                for limit in _TIME_LIMITS:
                    await connection.execute(sa.text(f"SET LOCAL {limit} = 0"))
        yield connection


@asynccontextmanager
async def _connection_slot(connection_pool: ConnectionPool) -> AsyncIterator[timedelta]:
    """Wait for a connection and yield the time left to wait for the database's lock."""
    rest = await _acquire_slot(connection_pool)
    try:
        yield rest
    finally:
        connection_pool.limiter.release()


async def _acquire_slot(connection_pool: ConnectionPool) -> timedelta:
    with suppress(WouldBlock):
        connection_pool.limiter.acquire_nowait()
        return connection_pool.wait_timeout
    with move_on_after(connection_pool.wait_timeout.total_seconds()) as waiting:
        await connection_pool.limiter.acquire()
    if waiting.cancelled_caught:
        raise StorageUnavailableError("The database is busy. Try again in a few seconds.")
    return timedelta(seconds=max(0, waiting.deadline - current_time()))


@asynccontextmanager
async def _open_connection(connection_pool: ConnectionPool) -> AsyncIterator[AsyncConnection]:
    async with shielded(timeout=connection_pool.answer_timeout):
        connection = await connection_pool.engine.connect()
    try:
        yield connection
    finally:
        seconds = (
            None
            if connection_pool.answer_timeout is None
            else connection_pool.answer_timeout.total_seconds()
        )
        # If the server does not get the message, it has ended the transaction itself.
        with move_on_after(seconds, shield=True), suppress(DBAPIError):
            await connection.close()
