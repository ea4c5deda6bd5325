"""Uploaded archives, and working directories that hold the files of a commit."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import ArchiveId
from pushpaka_core.domain.projects.archives import Archive


class Workspaces(Protocol):
    """Manages one working directory per lease."""

    async def path(self, lease: Lease, /) -> Path:
        """Return the absolute path of the lease's directory. The directory does not exist yet."""
        ...

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """
        Return the files of the repository in *directory*, for detection.

        Symbolic links are not followed. The list of files is read immediately, and their content on
        demand.

        Raises:
            SourceError: If *root_dir* is not a directory in the repository, or if the repository
                has too many files.
        """
        ...

    async def remove(self, lease: Lease, /) -> None:
        """Delete the lease's directory. Idempotent."""

    def scratch(self) -> AbstractAsyncContextManager[Path]:
        """
        Provide the path of a temporary directory that does not belong to a lease.

        The directory is deleted when the block ends.
        """
        ...

    async def remove_old_scratch(self, min_age: timedelta, /) -> None:
        """Delete scratch directories of killed processes: those at least *min_age* old."""

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        ...


@frozen(kw_only=True)
class ExtractionResult:
    """The number and total size of the extracted files."""

    files: int
    total_bytes: int


class ArchiveExtractor(Protocol):
    """Extracts untrusted archives."""

    async def extract(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> ExtractionResult:
        """
        Extract a gzip-compressed tar archive into *directory*, which must not exist yet.

        The files are owned by the platform's user and have the modes 644 or 755, as in a Git
        checkout. Nothing is written outside the directory, and no link points outside it. If
        extraction fails or is canceled, no directory remains.

        Raises:
            SourceError: If the archive is damaged, too large, or contains entries that a Git
                checkout cannot contain. The message is meant for the project's owner.
            PlatformFaultError: If the host caused the failure, for example with a full disk.
        """
        ...


class ArchiveFiles(Protocol):
    """
    The files of uploaded archives in the data directory of a node.

    All processes that use this data directory see the same files. Only the platform's user can read
    them.
    """

    async def write(self, archive: Archive, content: AsyncIterable[bytes], /) -> None:
        """
        Write the file of a new archive.

        The file is synced to disk when this returns. If writing fails or is canceled, or if
        *content* raises, no partial file remains.

        Raises:
            UnavailableError: If the disk is full or the file cannot be written.
        """

    def read(self, archive: Archive, /) -> AsyncIterator[bytes]:
        """
        Yield the content of an archive's file in chunks.

        Raises:
            NotFoundError: If the archive has no file here.
        """
        ...

    async def exists(self, archive: Archive, /) -> bool:
        """Return True if the file of *archive* exists and is complete."""
        ...

    async def ids(self) -> Collection[ArchiveId]:
        """Return the ids of all files, including incomplete ones."""
        ...

    async def remove(self, id: ArchiveId, /) -> None:
        """Delete the file of an archive, complete or not. Idempotent."""
