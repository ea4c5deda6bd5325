"""Stores snapshots of volumes as files in a directory of this host."""

from collections.abc import AsyncIterable, AsyncIterator, Collection
from datetime import datetime, timedelta
from pathlib import Path

from attrs import field, frozen

from pushpaka_core.adapters.files.private_files import PrivateFiles
from pushpaka_core.domain.ids import SnapshotFileId


def _in_directory(directory: Path) -> PrivateFiles:
    return PrivateFiles(directory, "snapshot")


@frozen
class DirectorySnapshotFiles:
    """Stores each snapshot as `<id>.tar.gz` in a private directory."""

    _files: PrivateFiles = field(converter=_in_directory)

    async def write(self, id: SnapshotFileId, content: AsyncIterable[bytes], /) -> None:
        """Write and sync the file of a snapshot, see `PrivateFiles.write`."""
        await self._files.write(id, content)

    def read(self, id: SnapshotFileId, /) -> AsyncIterator[bytes]:
        """Yield the content of a snapshot, see `PrivateFiles.read`."""
        return self._files.read(id)

    async def remove(self, id: SnapshotFileId, /) -> None:
        """Delete the file of a snapshot, complete or not. Idempotent."""
        await self._files.remove(id)

    async def remove_unused(
        self, used: Collection[SnapshotFileId], /, *, now: datetime, keep_for: timedelta
    ) -> None:
        """Delete the files that have been unused for a time, see `PrivateFiles.remove_unused`."""
        await self._files.remove_unused(used, now=now, keep_for=keep_for)
