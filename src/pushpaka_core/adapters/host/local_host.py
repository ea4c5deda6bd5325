"""Measures the free resources of this machine and detects reboots."""

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from anyio import to_thread
from attrs import frozen

from pushpaka_core.errors import UnavailableError
from pushpaka_core.host.state_files import atomic_write
from pushpaka_core.ports.runtime import HostCapacity
from pushpaka_shim.syscalls import boot_id

_BOOT_FILE = "boot"
"""The name of the file that stores the id of the boot during which programs were last started."""


@frozen
class LocalHost:
    """The machine that this process runs on."""

    _directory: Path

    async def free_capacity(self) -> HostCapacity:
        """Return the free disk space of the data directory and the available memory."""
        return await to_thread.run_sync(self._measure)

    async def has_restarted(self) -> bool:
        """
        Return True if the host has booted since the last call, and store its boot id. Return False
        if the boot id cannot be stored.
        """
        return await to_thread.run_sync(self._store_boot)

    async def forget_boot(self) -> None:
        """
        Make the next call of `has_restarted` return True, because all programs
        have been stopped.
        """
        await to_thread.run_sync(partial(self._boot_file.unlink, missing_ok=True))

    @property
    def _boot_file(self) -> Path:
        return self._directory / _BOOT_FILE

    def _store_boot(self) -> bool:
        present = boot_id()
        with suppress(OSError):
            if self._boot_file.read_text(encoding="ascii", errors="replace") == present:
                return False
        # If the boot id cannot be stored, every call would report a restart.
        with suppress(OSError):
            with atomic_write(self._boot_file) as file:
                file.write(present.encode())
            return True
        return False

    def _measure(self) -> HostCapacity:
        try:
            disk = shutil.disk_usage(self._directory).free
            return HostCapacity(disk=disk, memory=psutil.virtual_memory().available)
        except (OSError, psutil.Error) as error:
            raise UnavailableError(
                f"The free disk space and memory of the host cannot be measured: {error}. Check "
                "that the data directory exists and that /proc is mounted."
            ) from error
