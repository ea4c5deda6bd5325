"""Removes old lines of growing logs, and all lines of logs that are no longer needed."""

from contextlib import suppress

from attrs import define, field

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.storage.storage import Storage

_BATCH_LINES = 5000
"""The number of lines per transaction. It is small, so that other writers do not wait for long."""
_STEPS = 20


@define
class LogRetention:
    """
    Limits one log to a maximum number of characters by removing its oldest lines.

    Measuring reads the whole log, so it is done only after 5% of the maximum has been added.
    """

    _storage: Storage
    _deployment_id: DeploymentId
    _max_kept: int
    _added_characters: int = field(init=False)

    @_added_characters.default
    def _initially_due(self) -> int:
        """
        Return a size that triggers trimming at the start, in case an earlier writer was
        killed.
        """
        return self._trim_interval

    @property
    def _trim_interval(self) -> int:
        return self._max_kept // _STEPS

    def record_written(self, size: int) -> None:
        """Record that *size* more characters were written."""
        self._added_characters += size

    async def trim_if_due(self) -> None:
        """Trim the log if enough was written. If the database is down, the next call retries."""
        if self._added_characters > self._trim_interval:
            with suppress(StorageUnavailableError):
                await self._trim()
                self._added_characters = 0

    async def _trim(self) -> None:
        async with self._storage.snapshot() as uow:
            excess = await uow.logs.last_excess_seq(
                self._deployment_id, max_characters=self._max_kept
            )
        if excess:
            await remove_lines(self._storage, self._deployment_id, last_seq=excess)


async def remove_lines(storage: Storage, id: DeploymentId, *, last_seq: int | None = None) -> None:
    """Remove the lines up to and including *last_seq*, or all lines, in small transactions."""
    removed = _BATCH_LINES
    while removed == _BATCH_LINES:
        async with storage.transaction() as uow:
            removed = await uow.logs.remove(id, up_to=last_seq, limit=_BATCH_LINES)
