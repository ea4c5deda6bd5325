"""Reads the members of an untrusted tar archive and checks them before they are written."""

import os
import tarfile
from collections.abc import Iterator
from gzip import GzipFile
from typing import BinaryIO

from attrs import define, field, frozen

from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.host.archive_streams import ForwardStream, OversizedHeaderError
from pushpaka_core.host.untrusted_files import printable

_PIECE_BYTES = 64 << 10
_HEADER_ALLOWANCE = 4 << 10
"""The average number of header bytes allowed per member."""
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 1024


class RejectedArchiveError(Exception):
    """The archive is rejected, for a reason that the uploader can fix."""


@frozen(kw_only=True)
class TarMember:
    """A file, directory or symbolic link. Its path stays inside the archive."""

    parts: tuple[str, ...]
    kind: bytes
    size: int
    is_executable: bool
    target: str
    """The target of a link, relative and inside the archive."""

    @property
    def path(self) -> str:
        """The path relative to the root of the archive."""
        return "/".join(self.parts)


def read_members(file: BinaryIO, limits: SourceLimits) -> Iterator[tuple[TarMember, ForwardStream]]:
    """
    Yield each member, with the stream positioned at its content.

    Raises:
        RejectedArchiveError: At the first member that exceeds the limits or is not allowed.
        tarfile.TarError, OSError, EOFError, ValueError: If the archive is damaged.
    """
    most = limits.total_bytes + limits.files * _HEADER_ALLOWANCE
    stream = ForwardStream(_decompressed_pieces(file, most))
    size_counter = SizeCounter(limits)
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
            while (found := tar.next()) is not None:
                tar.members.clear()  # tarfile would keep all members in memory,
                tar.pax_headers.clear()  # and all global headers.
                member = _checked_member(found, limits)
                size_counter.add(member)
                stream.seek(found.offset_data)
                stream.expect_content(member.size)
                yield member, stream
    except OversizedHeaderError:
        raise RejectedArchiveError("a header is too large") from None


def _decompressed_pieces(file: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    decompressed, size = GzipFile(fileobj=file, mode="rb"), 0
    while piece := decompressed.read(_PIECE_BYTES):
        size += len(piece)
        if size > max_bytes:
            raise RejectedArchiveError("its unpacked content is too large")
        yield piece


@define
class SizeCounter:
    """Counts members and their total size, and enforces the limits on both."""

    _limits: SourceLimits
    _members: int = field(default=0, init=False)
    _total_bytes: int = field(default=0, init=False)

    def add(self, member: TarMember) -> None:
        """Count *member*; raise RejectedArchiveError if a limit is exceeded."""
        self._members += 1
        self._total_bytes += member.size
        if self._members > self._limits.files:
            raise RejectedArchiveError(
                f"it contains more than {self._limits.files:,} files and directories"
            )
        if self._total_bytes > self._limits.total_bytes:
            raise RejectedArchiveError(
                f"its files total more than {self._limits.total_bytes:,} bytes"
            )


def _checked_member(tar_info: tarfile.TarInfo, limits: SourceLimits) -> TarMember:
    parts = _checked_parts(tar_info.name, limits)
    if tar_info.size < 0:
        raise RejectedArchiveError(f"{printable(tar_info.name)} has an invalid size")
    if tar_info.issparse() or not (tar_info.isreg() or tar_info.isdir() or tar_info.issym()):
        raise RejectedArchiveError(
            f"{printable(tar_info.name)} is not a file, directory or symbolic link"
        )
    return TarMember(
        parts=parts,
        kind=tarfile.REGTYPE if tar_info.isreg() else tar_info.type,
        size=tar_info.size if tar_info.isreg() else 0,
        is_executable=bool(tar_info.mode & 0o100),
        target=_checked_target(tar_info, parts) if tar_info.issym() else "",
    )


def _checked_parts(path: str, limits: SourceLimits) -> tuple[str, ...]:
    """Return the components of *path*, none of which is `..`."""
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if path.startswith("/") or ".." in parts:
        raise RejectedArchiveError(f"{printable(path)} points outside the folder")
    if any(part.casefold() == ".git" for part in parts):
        raise RejectedArchiveError(f"{printable(path)} is in .git, which is not allowed")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES or any(_is_too_long(part) for part in parts):
        raise RejectedArchiveError(f"the path {printable(path)} is too long")
    if len(parts) > limits.depth:
        raise RejectedArchiveError(
            f"its directories are nested more than {limits.depth} levels deep"
        )
    return parts


def _checked_target(tar_info: tarfile.TarInfo, parts: tuple[str, ...]) -> str:
    """
    Return the target of a link, which may start with `..` but never leaves the archive.

    The parent directories of a link are real directories, so each `..` is one level of the tree.
    The rest of the target may pass through other links, which are checked the same way.
    """
    steps = [step for step in tar_info.linkname.split("/") if step not in {"", "."}]
    ups = next((n for n, step in enumerate(steps) if step != ".."), len(steps))
    is_outside = tar_info.linkname.startswith("/") or ups >= len(parts) or ".." in steps[ups:]
    if is_outside or not tar_info.linkname or len(os.fsencode(tar_info.linkname)) > _MAX_PATH_BYTES:
        raise RejectedArchiveError(f"the link {printable(tar_info.name)} points outside the folder")
    return tar_info.linkname


def _is_too_long(name: str) -> bool:
    return len(os.fsencode(name)) > _MAX_NAME_BYTES
