"""
Connections to PostgreSQL, where many write at once and the server may be away.

Nothing waits for ever: not for a connection, a lock or an answer, nor do others
for a process of ours that was stopped in the middle of a transaction.
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

from pushpaka_core.adapters.sql.errors import unavailable
from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.postgres_address import PostgresAddress
from pushpaka_core.adapters.sql.schema import take_conditions_over
from pushpaka_core.errors import SettingsError

T = TypeVar("T")

logger = logging.getLogger(__name__)

take_conditions_over("postgresql")

_DIALECT = "postgresql+asyncpg://"
_WIDTH = 6
"""So few that eight processes fit into the hundred connections that a server has by default."""
_RECYCLE_SECONDS = 300
"""Younger than what a firewall forgets."""
_LONGEST_STANDSTILL = "10s"
"""How long a transaction may do nothing; its locks are others' then."""
_GRACE = timedelta(seconds=2)
"""How much later than its server a client gives up, which has to say why."""
_MIGRATIONS = 0x50757368
"""The advisory lock of who changes the schema."""

_NOT_ALLOWED = "42501"
_MISTAKES = {
    "28P01": "refuses this user name or password",
    "28000": "refuses this user name or password",
    "3D000": "has no database of that name; create it first",
}
"""By SQLSTATE: what somebody has to mend before the server lets us in."""


@frozen
class PostgresDatabase:
    """A database of a server."""

    _address: PostgresAddress

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the address; SettingsError."""
        return cls(PostgresAddress.parse(url))

    def lanes(self, *, patience: timedelta) -> tuple[Lane, Lane]:
        """Prepare the lanes; connections are made when they are needed."""
        door = _Door(self._address, patience)
        writing = _engine(door, isolation_level="READ COMMITTED")
        reading = _engine(
            door,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        return _lane(writing, patience, locks_rows=True), _lane(reading, patience)

    def is_there(self) -> bool:
        """Leave it to the server to say so."""
        return True

    def work_on_schema(self, work: Callable[[sa.Connection], T], *, patience: timedelta) -> T:
        """
        Do *work* on a loop of its own, as the only one who changes the schema meanwhile.

        Another one's migration is waited for, however long it takes. Those who use the
        tables are not: who would lock one while they have it holds up all others.

        Raises:
            SettingsError: If the server cannot be reached, or does not let us in.
        """
        return anyio.run(_work_on_schema, _Door(self._address, patience), work)


async def _work_on_schema(door: "_Door", work: Callable[[sa.Connection], T]) -> T:
    engine = create_async_engine(
        _DIALECT, async_creator=door.connect_first, poolclass=NullPool, hide_parameters=True
    )
    async with engine.connect() as connection, connection.begin():
        await _set(connection, statement_timeout="0", lock_timeout="0")
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATIONS)))
        await _set(connection, lock_timeout=door.lock_timeout)
        try:
            return await connection.run_sync(work)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
                raise door.refused("does not let us make tables there") from error
            raise


async def _set(connection: AsyncConnection, **settings: str) -> None:
    """Let *settings* hold until the transaction ends."""
    for name, value in settings.items():
        await connection.execute(sa.select(sa.func.set_config(name, value, True)))


def _lane(engine: AsyncEngine, patience: timedelta, *, locks_rows: bool = False) -> Lane:
    return Lane(
        engine=engine,
        users=CapacityLimiter(_WIDTH),
        patience=patience,
        deadline=patience + _GRACE,
        locks_rows=locks_rows,
    )


def _engine(door: "_Door", **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        _DIALECT,
        async_creator=door.connect,
        pool_size=_WIDTH,
        max_overflow=0,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
        **options,
    )
    sa.event.listen(engine.sync_engine, "checkout", _require_open)
    return engine


def _require_open(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    """Have another connection made where the server has hung up; that costs no round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@define
class _Door:
    """Makes connections that neither wait for ever nor let others do so."""

    _address: PostgresAddress
    _patience: timedelta
    _is_plain: bool = field(default=False, init=False)
    """Whether the server was found to speak no TLS, where it need not."""

    async def connect(self) -> Any:
        """Return a new connection; why there is none is told by the log, not to users."""
        try:
            return await self.connect_first()
        except SettingsError as error:
            logger.warning("%s", error)
            raise unavailable("it cannot be reached") from error

    async def connect_first(self) -> Any:
        """
        Return a new connection.

        Raises:
            SettingsError: If there is none; somebody is there who can mend that.
        """
        try:
            return await self._connect()
        except asyncpg.PostgresError as error:
            self._is_plain = False
            reason = _MISTAKES.get(error.sqlstate or "", f"does not let us in: {error}")
            raise self.refused(reason) from None
        except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
            raise self.refused(f"cannot be reached ({str(error) or 'no answer'})") from None

    async def _connect(self) -> Any:
        try:
            return await self._connect_once()
        except ConnectionError as error:
            if not (self._address.may_be_plain and "rejected SSL" in str(error)):
                raise
            self._is_plain = True
        return await self._connect_once()

    async def _connect_once(self) -> Any:
        return await asyncpg.connect(
            **self._address.arguments(is_plain=self._is_plain),
            server_settings={**self._address.server_settings, **self._server_settings},
        )

    def refused(self, reason: str) -> SettingsError:
        """Return what an operator is told of what the server does not do, for *reason*."""
        server = f"{self._address.host}:{self._address.port}"
        return SettingsError(
            f"The database server {server} {reason}. Mend that, or PUSHPAKA_DATABASE_URL."
        )

    @property
    def lock_timeout(self) -> str:
        """Return how long a lock is waited for."""
        return _milliseconds(self._patience)

    @property
    def _server_settings(self) -> dict[str, str]:
        return {
            "application_name": "pushpaka",
            "lock_timeout": self.lock_timeout,
            "statement_timeout": _milliseconds(self._patience + _GRACE / 2),
            "idle_in_transaction_session_timeout": _LONGEST_STANDSTILL,
            "jit": "off",
        }


def _milliseconds(time: timedelta) -> str:
    return f"{time // timedelta(milliseconds=1)}ms"
