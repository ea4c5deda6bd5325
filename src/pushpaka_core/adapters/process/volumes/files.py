"""Keeps volumes as directories of this host."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Collection, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from errno import ENAMETOOLONG, ENOENT
from fcntl import LOCK_EX
from functools import partial
from pathlib import Path
from secrets import token_hex
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from attrs import frozen

from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.sandbox.permissions import make_private, make_traversable
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.adapters.process.sandbox.scratch import TemporaryHomes
from pushpaka_core.adapters.process.volumes.descriptors import NOT_A_DIRECTORY
from pushpaka_core.adapters.process.volumes.tree_reader import disk_usage, read_tree
from pushpaka_core.adapters.process.volumes.tree_writer import extract_archive
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError
from pushpaka_core.host.archive_streams import (
    ForwardStream,
    iterate_in_threads,
    pieces_from_thread,
)
from pushpaka_core.host.directory_locks import create_and_lock, open_directory
from pushpaka_core.host.volume_archives import path_parts


@frozen
class VolumeDirectories:
    """One directory per volume, which only the user of the volume's project can open."""

    root: Path

    def path(self, id: VolumeId) -> Path:
        """Return the directory of a volume, which need not exist."""
        return self.root / str(id)

    @contextmanager
    def new_copy(self, id: VolumeId) -> Iterator[Path]:
        """
        Yield an empty directory for the first files of a volume, and remove it after the block.

        The empty directory is locked, not the volume, which programs of the app could lock forever.
        """
        directory = self._copy_directory(id)
        lock = create_and_lock(directory, partial(directory.mkdir, 0o700, exist_ok=True), LOCK_EX)
        try:
            for left_over in directory.iterdir():
                remove_tree(left_over)
            yield directory
        finally:
            remove_tree(directory)
            os.close(lock)

    def remove(self, id: VolumeId) -> None:
        """Remove the directory of a volume, and an incomplete copy of its first files."""
        remove_tree(self._copy_directory(id))
        remove_tree(self.path(id))

    def _copy_directory(self, id: VolumeId) -> Path:
        return self.root / f"new-{id}"

    def ids(self) -> Collection[VolumeId]:
        """Return the ids of all volumes."""
        found = set()
        for path in self.root.glob("*"):
            with suppress(ValueError):
                found.add(VolumeId(UUID(path.name)))
        return found

    @property
    def scratch(self) -> TemporaryHomes:
        """Temporary directories on the file system of the volumes."""
        return TemporaryHomes(self.root)


@frozen(kw_only=True)
class ProcessVolumeFiles:
    """
    Keeps each volume as a directory with its id as name.

    All files belong to the user of the project. Owners in archives are ignored. Otherwise, a
    project could create files that belong to the users of other projects.
    """

    _directories: VolumeDirectories
    _node: str

    async def create(self, volume: Volume, /) -> str:
        """Create the directory, owned by the platform until its first mount."""
        await to_thread.run_sync(self._create, volume)
        return self._node

    async def exists(self, volume: Volume, /) -> bool:
        """Return True if the directory exists."""
        return await to_thread.run_sync(self._directories.path(volume.id).is_dir)

    async def used_bytes(self, volume: Volume, /) -> int:
        """Return the disk space of all files in bytes. Files with several hard links count once."""
        return await to_thread.run_sync(self._used_bytes, volume)

    def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        """Yield an archive, in which sparse files stay sparse."""
        return iterate_in_threads(self._read(volume, path))

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        """Extract an archive. Modes are kept, except setuid and setgid."""
        async with self._directories.scratch.create(token_hex(16)) as scratch:
            # A slow upload must not block one of the threads that the platform shares.
            thread = CapacityLimiter(1)
            await to_thread.run_sync(self._write, volume, archive, scratch, limiter=thread)

    async def delete(self, volume: Volume, /) -> None:
        """Remove the directory."""
        with translate_os_errors("Deleting the volume"):
            await to_thread.run_sync(self._directories.remove, volume.id)

    async def ids(self) -> Collection[VolumeId]:
        """Return the ids of all directories, after removing scratch files of killed processes."""
        await to_thread.run_sync(self._directories.scratch.remove_abandoned)
        return await to_thread.run_sync(self._directories.ids)

    def _create(self, volume: Volume) -> None:
        with translate_os_errors("Creating the volume"):
            make_traversable(self._directories.root)
            self._directories.path(volume.id).mkdir(mode=0o700, exist_ok=True)

    def _used_bytes(self, volume: Volume) -> int:
        with translate_os_errors("Measuring the volume"), self._open(volume) as directory:
            return disk_usage(directory)

    def _read(self, volume: Volume, path: str) -> Generator[bytes, None, None]:
        parts = path_parts(path)
        with (
            translate_os_errors("Reading the volume"),
            _not_found(parts),
            self._open(volume) as directory,
            closing(read_tree(directory, parts)) as pieces,
        ):
            yield from pieces

    def _write(self, volume: Volume, archive: AsyncIterable[bytes], scratch: Path) -> None:
        stream = ForwardStream(pieces_from_thread(archive))
        with translate_os_errors("Writing the volume"), self._open(volume) as directory:
            write_to(directory, stream, scratch)

    @contextmanager
    def _open(self, volume: Volume) -> Iterator[int]:
        path = self._directories.path(volume.id)
        if not path.is_dir():
            raise NotFoundError("volume")
        with open_directory(path) as directory:
            yield directory


def write_to(directory: int, stream: ForwardStream, scratch: Path) -> None:
    """Extract an archive, with a subdirectory of *scratch* for incomplete files."""
    with open_directory(make_private(scratch / "staging", None)) as staging:
        extract_archive(stream, directory, staging)


@contextmanager
def _not_found(parts: tuple[str, ...]) -> Iterator[None]:
    """Raise NotFoundError if the entry at *parts* does not exist."""
    try:
        yield
    except OSError as error:
        if parts and error.errno in (ENOENT, ENAMETOOLONG, *NOT_A_DIRECTORY):
            raise NotFoundError("file") from None
        raise
