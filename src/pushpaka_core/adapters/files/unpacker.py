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

from pushpaka_core.adapters.files.packed_members import (
    Member,
    PackedStream,
    RefusedError,
    members,
    named,
)
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.unpacker import Unpacked

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 64 << 10
_DAMAGE = (tarfile.TarError, BadGzipFile, zlib.error, EOFError, ValueError, RecursionError)


@frozen(kw_only=True)
class TarUnpacker:
    """
    Writes every file itself, and links only after all files.

    So nothing is ever written through a link, whatever a version of tarfile would do.
    """

    _limits: SourceLimits = field(factory=SourceLimits)

    async def unpack(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> Unpacked:
        """Keep the archive beside *directory* until it is unpacked."""
        packed = directory.with_name(f"{directory.name}.tar.gz")
        try:
            with fail_after(timeout.total_seconds()):
                await _write(packed, archive)
                return await to_thread.run_sync(self._unpack, packed, directory)
        except TimeoutError:
            raise SourceError(
                f"The archive was not unpacked within {timeout.total_seconds():g} seconds."
            ) from None
        finally:
            await _remove(packed)

    def _unpack(self, packed: Path, directory: Path) -> Unpacked:
        try:
            with packed.open("rb") as file, _whole(directory):
                return self._written(file, directory)
        except RefusedError as refused:
            raise SourceError(f"The archive cannot be unpacked: {refused}.") from None
        except _DAMAGE as error:
            raise _damaged() from error
        except OSError as error:
            raise _host_fault(error) from error

    def _written(self, file: BinaryIO, directory: Path) -> Unpacked:
        tree = _Tree(directory, self._limits.files)
        for member, stream in members(file, self._limits):
            tree.add(member, stream)
        tree.link()
        return Unpacked(files=tree.files, total_bytes=tree.total_bytes)


@define
class _Tree:
    """The files that are written so far."""

    _top: Path
    _most_directories: int
    files: int = field(default=0, init=False)
    total_bytes: int = field(default=0, init=False)
    _directories: set[tuple[str, ...]] = field(factory=lambda: {()}, init=False)
    _links: list[Member] = field(factory=list, init=False)

    def add(self, member: Member, stream: PackedStream) -> None:
        """Write a member, but for a link, which is remembered."""
        if member.kind == tarfile.DIRTYPE:
            self._make(member.parts)
            return
        self._make(member.parts[:-1])
        self.files += 1
        if member.kind == tarfile.SYMTYPE:
            self._links.append(member)
        else:
            self._write(member, stream)

    def link(self) -> None:
        """Make the links."""
        for member in self._links:
            with _new(member.parts):
                self._top.joinpath(*member.parts).symlink_to(member.target)

    def _make(self, parts: tuple[str, ...]) -> None:
        if parts in self._directories:
            return
        self._make(parts[:-1])
        with _new(parts):
            self._top.joinpath(*parts).mkdir()
        self._directories.add(parts)
        if len(self._directories) > self._most_directories:
            raise RefusedError(f"it has more than {self._most_directories:,} directories")

    def _write(self, member: Member, stream: PackedStream) -> None:
        mode = 0o777 if member.is_executable else 0o666
        with _new(member.parts):
            descriptor = os.open(self._top.joinpath(*member.parts), _NEW_FILE, mode)
        missing = member.size
        with os.fdopen(descriptor, "wb") as file:
            while missing:
                piece = stream.read(min(missing, _PIECE))
                if not piece:
                    raise EOFError
                file.write(piece)
                missing -= len(piece)
        self.total_bytes += member.size


@contextmanager
def _whole(directory: Path) -> Iterator[None]:
    """Make *directory*, and take it away again unless all went well."""
    directory.mkdir()
    try:
        yield
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


@contextmanager
def _new(parts: tuple[str, ...]) -> Iterator[None]:
    """Let a path be made once; under one that is no directory there is nothing."""
    try:
        yield
    except FileExistsError:
        raise RefusedError(f"{named('/'.join(parts))} is in it twice") from None


async def _write(path: Path, chunks: AsyncIterable[bytes]) -> None:
    try:
        async with await open_file(path, "xb") as file:
            async for chunk in chunks:
                await file.write(chunk)
    except OSError as error:
        raise _host_fault(error) from error


async def _remove(file: Path) -> None:
    with CancelScope(shield=True):
        await to_thread.run_sync(file.unlink, True)


def _damaged() -> SourceError:
    return SourceError(
        "The archive cannot be unpacked: it is damaged, or no tar archive that gzip has packed."
    )


def _host_fault(error: OSError) -> PlatformFaultError:
    return PlatformFaultError(f"The platform could not store the archive: {error.strerror}.")
