"""Stores the progress of snapshots and restores."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

from attrs import define, field

from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.system import Clock

INTERVAL = timedelta(seconds=2)
"""The minimum time between two updates in the database."""

StoreProgress: TypeAlias = Callable[[int, int | None], Awaitable[None]]
"""
A function that stores the number of bytes done, and the expected total, or None if it is unknown.
"""


@define
class Progress:
    """Counts bytes, and stores their number every `INTERVAL`."""

    _store: StoreProgress
    _now: Clock
    total: int | None = None
    """The expected number of bytes, or None if it is unknown."""
    done: int = field(default=0, init=False)
    """The number of bytes so far."""
    _stored_at: datetime | None = field(default=None, init=False)

    async def add(self, size: int) -> None:
        """
        Count *size* bytes.

        Raises:
            LeaseLostError: If another worker has taken over the work.
            NotFoundError: If the snapshot or the volume was deleted in the meantime.
        """
        self.done += size
        now = self._now()
        if self._stored_at is not None and timedelta(0) <= now - self._stored_at < INTERVAL:
            return
        self._stored_at = now
        total = None if self.total is None else max(self.total, self.done)
        with suppress(StorageUnavailableError):  # The copy does not need the database.
            await self._store(self.done, total)
