"""
Connections to PostgreSQL, which has concurrent writers and may be unreachable.

Every wait has a timeout: for a connection, a lock and a response. The server also ends the
transactions of a process that hangs in the middle of one.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self, TypeVar

import anyio
import asyncpg
import sqlalchemy as sa
from anyio import CapacityLimiter
from attrs import define, field, frozen
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.errors import unavailable_error
from pushpaka_core.adapters.sql.connections.postgres_address import PostgresAddress
from pushpaka_core.adapters.sql.schema import copy_index_conditions
from pushpaka_core.errors import SettingsError

T = TypeVar("T")

logger = logging.getLogger(__name__)

copy_index_conditions("postgresql")

_DIALECT = "postgresql+asyncpg://"
_POOL_SIZE = 6
"""Connections per pool. Eight processes fit into a server's default max_connections of 100."""
_RECYCLE_SECONDS = 300
"""The maximum age of a connection, below the idle time after which firewalls drop connections."""
_MAX_IDLE_IN_TRANSACTION = "10s"
"""Idle time after which the server ends a transaction and releases its locks."""
_CLIENT_TIMEOUT_MARGIN = timedelta(seconds=2)
"""How much longer the client waits than the server, so that the server can report the reason."""
_MIGRATION_LOCK = 0x50757368
"""The advisory lock held while the schema is changed."""

_INSUFFICIENT_PRIVILEGE = "42501"
_CONFIGURATION_ERRORS = {
    "28P01": "rejected the user name or the password",
    "28000": "rejected the user name or the password",
    "3D000": "has no database with this name",
}
"""Configuration errors that an operator has to fix, by SQLSTATE."""


@frozen
class PostgresDatabase:
    """A database on a PostgreSQL server."""

    _address: PostgresAddress

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse the URL. Raise SettingsError if it is invalid."""
        return cls(PostgresAddress.parse(url))

    def connection_pools(self, *, wait_timeout: timedelta) -> tuple[ConnectionPool, ConnectionPool]:
        """Return the pools for writing and for reading. Connections are opened on demand."""
        connector = _Connector(self._address, wait_timeout)
        writing = _engine(connector, isolation_level="READ COMMITTED")
        reading = _engine(
            connector,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        return _connection_pool(writing, wait_timeout, locks_rows=True), _connection_pool(
            reading, wait_timeout
        )

    def exists(self) -> bool:
        """Return True: the server reports a missing database on connecting."""
        return True

    def run_with_schema_lock(
        self, work: Callable[[sa.Connection], T], *, wait_timeout: timedelta
    ) -> T:
        """
        Run *work* in its own event loop, while holding the lock for schema changes.

        Waits for another migration without limit. Waits for locks on tables only as long as any
        transaction, because a waiting ALTER TABLE blocks all others that use the table.

        Raises:
            SettingsError: If the server cannot be reached or rejects the connection.
        """
        return anyio.run(_run_with_schema_lock, _Connector(self._address, wait_timeout), work)


async def _run_with_schema_lock(connector: "_Connector", work: Callable[[sa.Connection], T]) -> T:
    engine = create_async_engine(
        _DIALECT,
        async_creator=connector.connect_at_startup,
        poolclass=NullPool,
        hide_parameters=True,
    )
    async with engine.connect() as connection, connection.begin():
        await _set(connection, statement_timeout="0", lock_timeout="0")
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        await _set(connection, lock_timeout=connector.lock_timeout)
        try:
            return await connection.run_sync(work)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
                raise connector.settings_error(
                    "does not allow this user to create tables"
                ) from error
            raise


async def _set(connection: AsyncConnection, **settings: str) -> None:
    """Change *settings* until the end of the transaction."""
    for name, value in settings.items():
        await connection.execute(sa.select(sa.func.set_config(name, value, True)))


def _connection_pool(
    engine: AsyncEngine, wait_timeout: timedelta, *, locks_rows: bool = False
) -> ConnectionPool:
    return ConnectionPool(
        engine=engine,
        limiter=CapacityLimiter(_POOL_SIZE),
        wait_timeout=wait_timeout,
        answer_timeout=wait_timeout + _CLIENT_TIMEOUT_MARGIN,
        locks_rows=locks_rows,
    )


def _engine(connector: "_Connector", **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        _DIALECT,
        async_creator=connector.connect,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
        **options,
    )
    sa.event.listen(engine.sync_engine, "checkout", _require_connected)
    return engine


def _require_connected(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    """
    Raise DisconnectionError if the server has closed the connection, so that the pool opens a new
    one. Takes no round trip.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@define
class _Connector:
    """Opens connections with all timeouts set."""

    _address: PostgresAddress
    _wait_timeout: timedelta
    _is_unencrypted: bool = field(default=False, init=False)
    """Whether TLS is optional, and the server was found not to support it."""

    async def connect(self) -> Any:
        """Return a new connection. The reason for a failure is logged, not shown to users."""
        try:
            return await self.connect_at_startup()
        except SettingsError as error:
            logger.warning("%s", error)
            raise unavailable_error("it cannot be reached") from error

    async def connect_at_startup(self) -> Any:
        """
        Return a new connection, and report failures to the operator.

        Raises:
            SettingsError: If the server cannot be reached or rejects the connection.
        """
        try:
            return await self._connect()
        except asyncpg.PostgresError as error:
            self._is_unencrypted = False
            reason = _CONFIGURATION_ERRORS.get(
                error.sqlstate or "", f"rejected the connection: {error}"
            )
            raise self.settings_error(reason) from None
        except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
            raise self.settings_error(
                f"cannot be reached ({str(error) or 'no response'})"
            ) from None

    async def _connect(self) -> Any:
        try:
            return await self._connect_once()
        except ConnectionError as error:
            if not (self._address.is_tls_optional and "rejected SSL" in str(error)):
                raise
            self._is_unencrypted = True
        return await self._connect_once()

    async def _connect_once(self) -> Any:
        return await asyncpg.connect(
            **self._address.arguments(is_unencrypted=self._is_unencrypted),
            server_settings={**self._address.server_settings, **self._server_settings},
        )

    def settings_error(self, reason: str) -> SettingsError:
        """Return the error that tells the operator why the database cannot be used."""
        server = f"{self._address.host}:{self._address.port}"
        return SettingsError(
            f"The database server {server} {reason}. Check the server, or correct "
            "PUSHPAKA_DATABASE_URL."
        )

    @property
    def lock_timeout(self) -> str:
        """Return the maximum time to wait for a lock, as PostgreSQL writes it."""
        return _milliseconds(self._wait_timeout)

    @property
    def _server_settings(self) -> dict[str, str]:
        return {
            "application_name": "pushpaka",
            "lock_timeout": self.lock_timeout,
            "statement_timeout": _milliseconds(self._wait_timeout + _CLIENT_TIMEOUT_MARGIN / 2),
            "idle_in_transaction_session_timeout": _MAX_IDLE_IN_TRANSACTION,
            "jit": "off",
        }


def _milliseconds(time: timedelta) -> str:
    return f"{time // timedelta(milliseconds=1)}ms"
