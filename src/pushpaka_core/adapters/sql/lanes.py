"""What one kind of database has to offer to all that is the same for every one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

import sqlalchemy as sa
from anyio import CapacityLimiter
from attrs import frozen
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

REST = "pushpaka_rest"
"""The option of a connection that says for how long the beginning of its transaction may wait."""


@frozen(kw_only=True)
class Lane:
    """Connections of one kind, and who may use them."""

    engine: AsyncEngine
    users: CapacityLimiter
    patience: timedelta
    """How long a turn is waited for."""
    deadline: timedelta | None = None
    """How long the database has to answer; None where it is a file, which always does."""
    locks_rows: bool = False
    """Whether others write at the same time, so that what is to be changed has to be locked."""


class Database(Protocol):
    """A database of one kind, at one address. All methods block."""

    def lanes(self, *, patience: timedelta) -> tuple[Lane, Lane]:
        """Prepare the way for those who write, and the one for those who only read."""
        ...

    def is_there(self) -> bool:
        """Tell whether there is anything to be looked at, without making it."""
        ...

    def work_on_schema(self, work: Callable[[sa.Connection], T], *, patience: timedelta) -> T:
        """
        Do *work* in one transaction, as the only one who changes the schema meanwhile.

        Raises:
            SettingsError: If there is no database to be had at this address.
        """
        ...
