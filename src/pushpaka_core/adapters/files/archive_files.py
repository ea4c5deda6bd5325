"""Stores uploaded archives as files in a directory of this host."""

from collections.abc import AsyncIterable, AsyncIterator, Collection
from pathlib import Path

from attrs import field, frozen

from pushpaka_core.adapters.files.private_files import PrivateFiles
from pushpaka_core.domain.ids import ArchiveId
from pushpaka_core.domain.projects.archives import CHUNK_SIZE, Archive


def _in_directory(directory: Path) -> PrivateFiles:
    return PrivateFiles(directory, "archive", CHUNK_SIZE)


@frozen
class DirectoryArchiveFiles:
    """Stores each archive as `<id>.tar.gz` in a private directory."""

    _files: PrivateFiles = field(converter=_in_directory)

    async def write(self, archive: Archive, content: AsyncIterable[bytes], /) -> None:
        """Write and sync the file of an archive, see `PrivateFiles.write`."""
        await self._files.write(archive.id, content)

    def read(self, archive: Archive, /) -> AsyncIterator[bytes]:
        """Yield the content in chunks of `CHUNK_SIZE`, see `PrivateFiles.read`."""
        return self._files.read(archive.id)

    async def exists(self, archive: Archive, /) -> bool:
        """Return True if the file exists."""
        return await self._files.exists(archive.id)

    async def ids(self) -> Collection[ArchiveId]:
        """Return the ids of all archives, including incomplete ones."""
        return {ArchiveId(one) for one in await self._files.ids()}

    async def remove(self, id: ArchiveId, /) -> None:
        """Delete the file of an archive, complete or not. Idempotent."""
        await self._files.remove(id)
