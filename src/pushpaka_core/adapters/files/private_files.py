"""Stores archives as private files in a directory of this host."""

import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Collection
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from uuid import UUID

from anyio import CancelScope, open_file, to_thread
from attrs import frozen

from pushpaka_core.errors import NotFoundError, UnavailableError

_NAME = re.compile(r"\.?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.tar\.gz(?:\.[0-9a-f]+)?")
"""Matches the file name of an archive. A draft, which is an incomplete file, has a suffix."""


@frozen
class PrivateFiles:
    """Stores each archive as `<id>.tar.gz`. Only the platform's user can read them."""

    _directory: Path
    _noun: str
    """The noun for an archive in error messages."""
    _chunk_size: int = 256 * 1024

    async def write(self, id: UUID, content: AsyncIterable[bytes]) -> None:
        """
        Write the content to a draft file, sync it to disk, and rename it to its final name.

        Raises:
            UnavailableError: If the file cannot be written, for example because the disk is full.
        """
        path = self._path(id)
        draft = path.with_name(f".{path.name}.{token_hex(8)}")
        try:
            await to_thread.run_sync(partial(self._directory.mkdir, mode=0o700, exist_ok=True))
            async with await open_file(draft, "xb", opener=_private) as file:
                async for piece in content:
                    await file.write(piece)
                await file.flush()
                await to_thread.run_sync(os.fsync, file.wrapped.fileno())
            await to_thread.run_sync(self._publish, draft, path)
        except OSError as error:
            raise UnavailableError(
                f"The server could not store the {self._noun}: {error.strerror}. "
                "Try again later, or contact the operator of this instance."
            ) from error
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(partial(draft.unlink, missing_ok=True))

    async def read(self, id: UUID) -> AsyncIterator[bytes]:
        """
        Yield the content in chunks.

        Raises:
            NotFoundError: If there is no such file.
        """
        try:
            file = await open_file(self._path(id), "rb")
        except FileNotFoundError:
            raise NotFoundError(self._noun) from None
        async with file:
            while piece := await file.read(self._chunk_size):
                yield piece

    async def exists(self, id: UUID) -> bool:
        """Return True if the file exists."""
        return await to_thread.run_sync(self._path(id).is_file)

    async def ids(self) -> Collection[UUID]:
        """Return the ids of all files, including drafts."""
        return await to_thread.run_sync(self._ids)

    async def remove(self, id: UUID) -> None:
        """Delete the file and its drafts. Idempotent."""
        await to_thread.run_sync(self._remove, id)

    async def remove_unused(
        self, used: Collection[UUID], *, now: datetime, keep_for: timedelta
    ) -> None:
        """
        Delete the files that no call since *keep_for* has named as used.

        The time begins with the first call that does not name a file. An empty marker file stores
        when that was.
        """
        await to_thread.run_sync(self._remove_unused, used, now, keep_for)

    def _path(self, id: UUID) -> Path:
        return self._directory / f"{id}.tar.gz"

    def _ids(self) -> Collection[UUID]:
        matches = (_NAME.fullmatch(path.name) for path in self._directory.glob("*"))
        return {UUID(match[1]) for match in matches if match}

    def _remove(self, id: UUID) -> None:
        path = self._path(id)
        for each in (path, *self._directory.glob(f".{path.name}.*")):
            each.unlink(missing_ok=True)

    def _remove_unused(self, used: Collection[UUID], now: datetime, keep_for: timedelta) -> None:
        for id_ in self._ids():
            # Begins like a draft, so that `_remove` deletes it as well.
            marker = self._directory / f".{self._path(id_).name}.unused"
            if id_ in used:
                marker.unlink(missing_ok=True)
            elif not marker.exists():
                marker.touch(mode=0o600)
                os.utime(marker, (now.timestamp(), now.timestamp()))
            elif now.timestamp() - marker.stat().st_mtime >= keep_for.total_seconds():
                self._remove(id_)

    def _publish(self, draft: Path, path: Path) -> None:
        """Rename a draft and sync the directory, so that the name survives a power failure."""
        draft.replace(path)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
