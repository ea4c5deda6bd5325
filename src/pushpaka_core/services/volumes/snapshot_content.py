"""The content of snapshots: compressed archives that are read back before they become available."""

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager

from anyio import to_thread
from attrs import define, field, frozen

from pushpaka_core.domain.ids import SnapshotFileId
from pushpaka_core.domain.volumes.snapshots import Snapshot, SnapshotContent
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import ConflictError, InvalidInputError, NotFoundError, PlatformFaultError
from pushpaka_core.host.archive_streams import ForwardStream, pieces_from_thread
from pushpaka_core.host.volume_archives import read_members
from pushpaka_core.ports.volumes import SnapshotFiles, VolumeFiles
from pushpaka_core.services.volumes.progress import Progress
from pushpaka_core.services.volumes.size_limits import require_within_limit

MAX_COPIES = 3
"""
The maximum number of attempts to copy a volume. An attempt fails if the files change meanwhile.
"""
_READINGS = 3
"""
How often the data of a snapshot is read: to copy it, to compare it, and to check the snapshot.
"""
_GZIP = 31
"""The `wbits` argument of zlib that selects the gzip format."""
_MAX_PIECE_BYTES = 1 << 20


@define
class _Measurement:
    """Counts and hashes the bytes that pass through."""

    _progress: Progress | None = None
    _hash: "hashlib._Hash" = field(factory=hashlib.sha256, init=False)
    size: int = field(default=0, init=False)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def of(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for piece in content:
            self._hash.update(piece)
            self.size += len(piece)
            if self._progress is not None:
                await self._progress.add(len(piece))
            yield piece


@frozen(kw_only=True)
class SnapshotContents:
    """Copies volumes into snapshots, and snapshots into volumes."""

    _volume_files: VolumeFiles
    _snapshot_files: SnapshotFiles

    async def copy(self, volume: Volume, id: SnapshotFileId, progress: Progress) -> str:
        """
        Copy the files of *volume* into a consistent snapshot.

        The files are read again after each copy. If both readings are equal, the copy shows the
        files as they were at the end of the copy.

        Args:
            volume: The volume.
            id: The file of the snapshot.
            progress: Counts the bytes of both readings. Its total includes the bytes that `check`
                reads.

        Returns:
            The SHA-256 of the uncompressed archive, for `check`.

        Raises:
            ConflictError: If the files changed during `MAX_COPIES` copies.
            PlatformFaultError: If the host caused the failure.
            NotFoundError: If the volume has no files.
            UnavailableError: If the runtime does not respond, or the disk is full.
        """
        if volume.used_bytes is not None:
            progress.total = _READINGS * volume.used_bytes
        for _ in range(MAX_COPIES):
            copied, seen = _Measurement(progress), _Measurement(progress)
            archive = copied.of(self._volume_files.read(volume))
            await self._snapshot_files.write(id, _compressed(archive))
            progress.total = progress.done + (_READINGS - 1) * copied.size
            async for _piece in seen.of(self._volume_files.read(volume)):
                pass
            if copied.digest == seen.digest:
                return copied.digest
            progress.total = progress.done + _READINGS * copied.size
        raise ConflictError(
            f'The app changed files of the volume "{volume.name}" during each of {MAX_COPIES} '
            "copies. Stop the app, or take the snapshot when the app writes less."
        )

    async def check(
        self, id: SnapshotFileId, progress: Progress, *, archive_sha256: str
    ) -> SnapshotContent:
        """
        Read a snapshot back as if to restore it, and return its content.

        Raises:
            PlatformFaultError: If the snapshot cannot be read, or differs from what was written.
        """
        stored, archive = _Measurement(), _Measurement(progress)
        content = archive.of(_decompressed(stored.of(self._stored(id))))
        with _damaged_if_rejected():
            sizes = await to_thread.run_sync(_file_sizes, content)
        if archive.digest != archive_sha256:
            raise _damaged_error()
        return SnapshotContent(
            size_bytes=stored.size,
            sha256=stored.digest,
            files=len(sizes),
            content_bytes=sum(sizes),
        )

    async def restore(
        self, snapshot: Snapshot, volume: Volume, progress: Progress | None = None
    ) -> None:
        """
        Write the files of an available snapshot into *volume*. Can safely be retried.

        Args:
            snapshot: The snapshot.
            volume: The volume, whose size limit must allow the files.
            progress: Counts the compressed bytes that were read from the snapshot.

        Raises:
            ConflictError: If the files are larger than the size limit. Nothing is written then.
            PlatformFaultError: If the snapshot is damaged or its file is missing, or the host
                caused the failure.
            NotFoundError: If the volume has no directory for its files.
            UnavailableError: If the runtime does not respond.
        """
        if snapshot.file_id is None:
            raise _missing_error()
        require_within_limit(snapshot, volume)
        stored = _Measurement(progress)
        content = _decompressed(stored.of(self._stored(snapshot.file_id)))
        if progress is not None:
            content = _while_current(content, progress)
        with _damaged_if_rejected():
            await self._volume_files.write(volume, content)
        if stored.digest != snapshot.sha256:
            raise _damaged_error()

    async def _stored(self, id: SnapshotFileId) -> AsyncIterator[bytes]:
        try:
            async for piece in self._snapshot_files.read(id):
                yield piece
        except NotFoundError as error:
            raise _missing_error() from error


async def _compressed(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(wbits=_GZIP)
    async for piece in content:
        yield await to_thread.run_sync(compressor.compress, piece)
    yield compressor.flush()


async def _decompressed(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(wbits=_GZIP)
    try:
        async for piece in content:
            rest = piece
            while rest:
                yield await to_thread.run_sync(decompressor.decompress, rest, _MAX_PIECE_BYTES)
                rest = decompressor.unconsumed_tail
        yield decompressor.flush()
    except zlib.error as error:
        raise _damaged_error() from error
    if not decompressor.eof or decompressor.unused_data:
        raise _damaged_error()


async def _while_current(content: AsyncIterator[bytes], progress: Progress) -> AsyncIterator[bytes]:
    """
    Yield *content* until another worker has taken over the work.

    The successor may already have attached the volume, so this is checked for each piece to write.
    A small piece of the snapshot can have many of them.
    """
    async for piece in content:
        await progress.add(0)
        yield piece


def _file_sizes(content: AsyncIterable[bytes]) -> list[int]:
    """Return the size in bytes of each regular file in a tar archive, without sparse holes."""
    members = read_members(ForwardStream(pieces_from_thread(content)))
    return [sum(size for _, size in member.segments) for member in members if member.info.isreg()]


@contextmanager
def _damaged_if_rejected() -> Iterator[None]:
    try:
        yield
    except InvalidInputError as error:
        raise _damaged_error() from error


def _missing_error() -> PlatformFaultError:
    return PlatformFaultError(
        "The snapshot's file is missing on this machine. Use a different snapshot."
    )


def _damaged_error() -> PlatformFaultError:
    return PlatformFaultError(
        "The snapshot's file is damaged. Check the server's disk, and take a new snapshot."
    )
