"""Unpacks tar archives into directories of this host."""

import os
import shutil
import tarfile
import zlib
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from gzip import BadGzipFile
from pathlib import Path
from typing import BinaryIO

from anyio import CancelScope, fail_after, open_file, to_thread
from attrs import define, field, frozen

from pushpaka_core.adapters.files.tar_members import (
    RejectedArchiveError,
    TarMember,
    read_members,
)
from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.errors import SourceError
from pushpaka_core.host.archive_streams import ForwardStream
from pushpaka_core.host.os_errors import translated_os_errors
from pushpaka_core.host.untrusted_files import printable
from pushpaka_core.ports.workspaces import ExtractionResult

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK_BYTES = 64 << 10
_NOT_STORED = "The platform could not store the archive"
_DAMAGED_ERRORS = (tarfile.TarError, BadGzipFile, zlib.error, EOFError, ValueError, RecursionError)


@frozen(kw_only=True)
class TarUnpacker:
    """
    Unpacks archives without `tarfile.extract`.

    Files are created one by one and links after all files, so that nothing is written through a
    link, independently of tarfile's version.
    """

    _limits: SourceLimits = field(factory=SourceLimits)

    async def extract(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> ExtractionResult:
        """Store the archive next to *directory*, and unpack it from there."""
        packed = directory.with_name(f"{directory.name}.tar.gz")
        try:
            with fail_after(timeout.total_seconds()):
                await _write(packed, archive)
                return await to_thread.run_sync(self._unpack, packed, directory)
        except TimeoutError:
            raise SourceError(
                f"The archive was not unpacked within {timeout.total_seconds():g} seconds."
                " Upload fewer files."
            ) from None
        finally:
            await _remove(packed)

    def _unpack(self, archive: Path, directory: Path) -> ExtractionResult:
        with translated_os_errors(_NOT_STORED):
            try:
                with archive.open("rb") as file, _created_directory(directory):
                    return self._write_members(file, directory)
            except RejectedArchiveError as refused:
                raise SourceError(
                    f"The archive cannot be unpacked: {refused}. Fix it and upload it again."
                ) from None
            except _DAMAGED_ERRORS as error:
                raise _damaged_archive_error() from error

    def _write_members(self, file: BinaryIO, directory: Path) -> ExtractionResult:
        tree_writer = _TreeWriter(directory, self._limits.files)
        for member, stream in read_members(file, self._limits):
            tree_writer.add(member, stream)
        tree_writer.create_links()
        return ExtractionResult(files=tree_writer.files, total_bytes=tree_writer.total_bytes)


@define
class _TreeWriter:
    """Writes the members of an archive to a directory."""

    _root: Path
    _max_directories: int
    files: int = field(default=0, init=False)
    total_bytes: int = field(default=0, init=False)
    _directories: set[tuple[str, ...]] = field(factory=lambda: {()}, init=False)
    _links: list[TarMember] = field(factory=list, init=False)

    def add(self, member: TarMember, stream: ForwardStream) -> None:
        """Write a member, unless it is a link: `create_links` creates links later."""
        if member.kind == tarfile.DIRTYPE:
            self._create_directory(member.parts)
            return
        self._create_directory(member.parts[:-1])
        self.files += 1
        if member.kind == tarfile.SYMTYPE:
            self._links.append(member)
        else:
            self._write(member, stream)

    def create_links(self) -> None:
        """Create the links that were added."""
        for member in self._links:
            with _reject_duplicates(member.parts):
                self._root.joinpath(*member.parts).symlink_to(member.target)

    def _create_directory(self, parts: tuple[str, ...]) -> None:
        if parts in self._directories:
            return
        self._create_directory(parts[:-1])
        with _reject_duplicates(parts):
            self._root.joinpath(*parts).mkdir()
        self._directories.add(parts)
        if len(self._directories) > self._max_directories:
            raise RejectedArchiveError(
                f"it contains more than {self._max_directories:,} directories"
            )

    def _write(self, member: TarMember, stream: ForwardStream) -> None:
        mode = 0o777 if member.is_executable else 0o666
        with _reject_duplicates(member.parts):
            descriptor = os.open(self._root.joinpath(*member.parts), _NEW_FILE, mode)
        missing = member.size
        with os.fdopen(descriptor, "wb") as file:
            while missing:
                piece = stream.read(min(missing, _CHUNK_BYTES))
                if not piece:
                    raise EOFError
                file.write(piece)
                missing -= len(piece)
        self.total_bytes += member.size


@contextmanager
def _created_directory(directory: Path) -> Iterator[None]:
    """Create *directory*, and delete it again if the block fails."""
    directory.mkdir()
    try:
        yield
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


@contextmanager
def _reject_duplicates(parts: tuple[str, ...]) -> Iterator[None]:
    """Raise RejectedArchiveError if the block fails because the path already exists."""
    try:
        yield
    except FileExistsError:
        raise RejectedArchiveError(f"{printable('/'.join(parts))} occurs twice") from None


async def _write(path: Path, chunks: AsyncIterable[bytes]) -> None:
    with translated_os_errors(_NOT_STORED):
        async with await open_file(path, "xb") as file:
            async for chunk in chunks:
                await file.write(chunk)


async def _remove(file: Path) -> None:
    with CancelScope(shield=True):
        await to_thread.run_sync(file.unlink, True)


def _damaged_archive_error() -> SourceError:
    return SourceError(
        "The archive cannot be unpacked: it is damaged, or not a tar archive compressed with gzip."
        " Create it again and upload it."
    )
