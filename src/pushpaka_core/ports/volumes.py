"""The files of volumes on the runtime's machines, and the files of their snapshots."""

from collections.abc import AsyncIterable, AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Protocol

from pushpaka_core.domain.ids import SnapshotFileId, VolumeId
from pushpaka_core.domain.volumes.volumes import Volume


class VolumeFiles(Protocol):
    """
    Stores the files of volumes where the runtime's instances can use them.

    All calls can safely be retried. Every method raises RuntimeUnavailableError if the runtime does
    not respond, or if the volume's node is not available.

    Files have numeric owners. If each project has its own user on the host, all files belong to
    that user, and `write` ignores owners, setuid bits and the metadata of the volume itself.

    No runtime enforces `Volume.size_limit`: compare it with `used_bytes`.
    """

    async def create(self, volume: Volume, /) -> str:
        """
        Create an empty directory for the files of *volume*, unless it exists.

        Returns: The name of the node that stores the files.

        Raises:
            PlatformFaultError: If the host caused the failure, for example with a full disk.
        """
        ...

    async def exists(self, volume: Volume, /) -> bool:
        """Return True if *volume* has a directory for its files."""
        ...

    async def used_bytes(self, volume: Volume, /) -> int:
        """
        Return the disk space that the files of *volume* use, in bytes.

        Raises:
            NotFoundError: If the volume does not exist.
        """
        ...

    def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        """
        Yield an uncompressed tar archive of the volume, or of one file or directory in it.

        Names in the archive are relative to the volume. Owners, modes, times and links are kept.
        Links are never followed, and sockets and devices are left out. If an app writes to the
        volume meanwhile, the archive can be inconsistent: stop the app first, or compare two
        archives.

        Args:
            volume: The volume.
            path: The file or directory, relative to the volume. Empty for the whole volume.

        Raises:
            NotFoundError: If the volume or the path does not exist.
            PlatformFaultError: If the host caused the failure, or files changed in a way that the
                runtime cannot archive.
        """
        ...

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        """
        Extract an uncompressed tar archive into the volume. Existing files with the same names are
        replaced; other files are kept.

        Nothing is written outside the volume, and all files are synced to disk when this returns.
        If it fails, the volume may contain part of the archive.

        Raises:
            InvalidInputError: If the archive is damaged or incomplete, contains devices, replaces a
                directory by a file or vice versa, or if an entry is outside the volume or below a
                link.
            NotFoundError: If the volume does not exist.
            PlatformFaultError: If the host caused the failure, for example with a full disk.
        """

    async def delete(self, volume: Volume, /) -> None:
        """
        Delete the files of *volume*. Idempotent.

        Raises:
            PlatformFaultError: If an instance uses the volume, and the runtime can detect this.
        """

    async def ids(self) -> Collection[VolumeId]:
        """Return the ids of all volumes of this platform that have files on available nodes."""
        ...


class SnapshotFiles(Protocol):
    """
    The files of snapshots in the data directory of a node. Each attempt has its own file.

    All processes that use this data directory see the same files. Only the platform's user can read
    them.
    """

    async def write(self, id: SnapshotFileId, content: AsyncIterable[bytes], /) -> None:
        """
        Write the file of a snapshot. An existing one is replaced once the new one is complete.

        The file is synced to disk when this returns. If writing fails or is canceled, or if
        *content* raises, no partial file remains.

        Raises:
            UnavailableError: If the disk is full or the file cannot be written.
        """

    def read(self, id: SnapshotFileId, /) -> AsyncIterator[bytes]:
        """
        Yield the content of a snapshot's file in chunks.

        Raises:
            NotFoundError: If the snapshot has no file here.
        """
        ...

    async def remove(self, id: SnapshotFileId, /) -> None:
        """Delete the file of a snapshot, complete or not. Idempotent."""

    async def remove_unused(
        self, used: Collection[SnapshotFileId], /, *, now: datetime, keep_for: timedelta
    ) -> None:
        """
        Delete the files, complete or not, that have been unused for some time.

        Args:
            used: The files that are in use.
            now: The current time.
            keep_for: How long a file is kept after the first call that did not name it as used. The
                time starts again once a call has named the file.
        """
