"""Archive files in memory, and workspaces in the temporary directory, for tests."""

import shutil
import tarfile
from collections.abc import AsyncIterable, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp

from anyio import CancelScope, to_thread
from attrs import define, field, frozen

from pushpaka_core.detection.tree import FileTree, MemoryTree
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import ArchiveId
from pushpaka_core.domain.projects.archives import Archive
from pushpaka_core.errors import NotFoundError, SourceError
from pushpaka_core.ports.workspaces import ExtractionResult


@define
class MemoryWorkspaces:
    """Creates a real temporary directory for each lease."""

    _directories: dict[Lease, Path] = field(factory=dict, init=False)

    async def path(self, lease: Lease, /) -> Path:
        """Return a new path for the files of a lease. Files of an earlier attempt are removed."""
        await self.remove(lease)
        self._directories[lease] = Path(await to_thread.run_sync(mkdtemp, None, "pushpaka-"))
        return self._directories[lease] / "source"

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """Return the files of the repository, all of which are read at once."""
        return MemoryTree(await to_thread.run_sync(_read_texts, directory, root_dir))

    async def remove(self, lease: Lease, /) -> None:
        """Remove the directory of a lease."""
        home = self._directories.pop(lease, None)
        if home is not None:
            await to_thread.run_sync(shutil.rmtree, home, True)

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """Yield a path in a temporary directory, removed at the end of the block."""
        home = Path(await to_thread.run_sync(mkdtemp, None, "pushpaka-"))
        try:
            yield home / "source"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(shutil.rmtree, home, True)

    async def remove_old_scratch(self, older_than: timedelta, /) -> None:
        """Do nothing: temporary directories do not outlive the process."""

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        return tuple(self._directories)


def _read_texts(directory: Path, root_dir: str) -> dict[str, str]:
    top, app_directory = directory.resolve(), (directory / root_dir).resolve()
    if not app_directory.is_dir() or not app_directory.is_relative_to(top):
        raise SourceError(
            f"root_dir {root_dir!r} does not exist in the repository. Check its spelling."
        )
    files = [path for path in top.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(top).as_posix(): path.read_text(errors="replace") for path in files}


@frozen
class MemoryUnpacker:
    """Reads a gzipped tar archive into memory and writes its regular files."""

    async def extract(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> ExtractionResult:
        """Write the archive's files to *directory*. *timeout* is ignored."""
        del timeout
        content = b"".join([chunk async for chunk in archive])
        return await to_thread.run_sync(_unpack, content, directory)


def _unpack(content: bytes, directory: Path) -> ExtractionResult:
    directory.mkdir()
    try:
        return _write_members(content, directory)
    except (tarfile.TarError, EOFError, OSError, ValueError):
        shutil.rmtree(directory)
        raise SourceError("The archive cannot be unpacked.") from None


def _write_members(content: bytes, directory: Path) -> ExtractionResult:
    sizes = []
    with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as tar:
        for member in tar:
            path = directory / member.name
            file = tar.extractfile(member) if member.isreg() else None
            if file is None or not path.resolve().is_relative_to(directory.resolve()):
                raise ValueError("only regular files are supported")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
            path.chmod(0o755 if member.mode & 0o100 else 0o644)
            sizes.append(member.size)
    return ExtractionResult(files=len(sizes), total_bytes=sum(sizes))


@define
class MemoryArchiveFiles:
    """Keeps each archive as bytes."""

    _files: dict[ArchiveId, bytes] = field(factory=dict, init=False)

    async def write(self, archive: Archive, content: AsyncIterable[bytes], /) -> None:
        """Store an archive once all of it has been received."""
        self._files[archive.id] = b"".join([piece async for piece in content])

    async def read(self, archive: Archive, /) -> AsyncIterator[bytes]:
        """Yield an archive as a single chunk. Raise NotFoundError if there is none."""
        if archive.id not in self._files:
            raise NotFoundError("archive")
        yield self._files[archive.id]

    async def exists(self, archive: Archive, /) -> bool:
        """Return whether the archive is stored."""
        return archive.id in self._files

    async def ids(self) -> Collection[ArchiveId]:
        """Return the ids of all stored archives."""
        return set(self._files)

    async def remove(self, id: ArchiveId, /) -> None:
        """Remove an archive. Does nothing if there is none."""
        self._files.pop(id, None)
