"""Reserves free disk space that uploads cannot use."""

from attrs import frozen

from pushpaka_core.errors import UnavailableError
from pushpaka_core.ports.runtime import Host

MEBIBYTE = 1024 * 1024


@frozen
class DiskReserve:
    """Rejects uploads that would fill the disk, which may also hold the database."""

    _host: Host
    _min_free: int

    async def require_free(self, extra_bytes: int = 0) -> None:
        """
        Raise UnavailableError unless the reserve stays free after writing
        *extra_bytes* bytes.
        """
        free = (await self._host.free_capacity()).disk
        if free - extra_bytes < self._min_free:
            raise UnavailableError(
                "The server does not have enough disk space for this request: "
                f"{free // MEBIBYTE} MiB are free, and {self._min_free // MEBIBYTE} MiB must stay "
                "free (PUSHPAKA_MIN_FREE_DISK). Try again later, or ask the operator of this "
                "instance to free some space."
            )
