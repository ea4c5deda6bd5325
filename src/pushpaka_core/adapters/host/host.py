"""What this machine has left, as the kernel says."""

import shutil
from pathlib import Path

import psutil
from anyio import to_thread
from attrs import frozen

from pushpaka_core.errors import UnavailableError
from pushpaka_core.ports.host import Room


@frozen
class LocalHost:
    """Measures the machine that this process runs on."""

    _directory: Path

    async def room(self) -> Room:
        """Return what is free beside the data directory, and the memory that is available."""
        return await to_thread.run_sync(self._measure)

    def _measure(self) -> Room:
        try:
            disk = shutil.disk_usage(self._directory).free
            return Room(disk=disk, memory=psutil.virtual_memory().available)
        except (OSError, psutil.Error) as error:
            raise UnavailableError(f"What the host has left cannot be measured: {error}") from error
