"""Takes lines of logs away: the oldest of those that grow on and on, all of those nobody needs."""

from contextlib import suppress

from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.ports.storage import Storage

_LINES_AT_ONCE = 5000
"""So few that others who write do not wait for long."""
_STEPS = 20


@define
class LogTrimming:
    """
    Keeps the newest part of one log, so many characters of it.

    Looking costs a read of all that is kept, so it is done when a twentieth has been added.
    """

    _storage: Storage
    _deployment_id: DeploymentId
    _most_kept: int
    _added: int = field(init=False)

    @_added.default
    def _as_if_due(self) -> int:
        """Whoever wrote before may have been killed before they trimmed."""
        return self._step

    @property
    def _step(self) -> int:
        return self._most_kept // _STEPS

    def note(self, size: int) -> None:
        """Note that so much was written."""
        self._added += size

    async def trim_if_due(self) -> None:
        """Look after the log if enough was written; a storage that is away is asked next time."""
        if self._added > self._step:
            with suppress(StorageUnavailableError):
                await self._trim()
                self._added = 0

    async def _trim(self) -> None:
        async with self._storage.snapshot() as uow:
            excess = await uow.logs.excess(self._deployment_id, most_characters=self._most_kept)
        if excess:
            await remove_lines(self._storage, self._deployment_id, up_to=excess)


async def remove_lines(storage: Storage, id: DeploymentId, *, up_to: int | None = None) -> None:
    """Remove the lines up to a `seq`, or all of them, little by little."""
    removed = _LINES_AT_ONCE
    while removed == _LINES_AT_ONCE:
        async with storage.transaction() as uow:
            removed = await uow.logs.remove(id, up_to=up_to, limit=_LINES_AT_ONCE)
