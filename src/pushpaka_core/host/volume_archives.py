"""Tar archives of volumes: untrusted ones are checked member by member, new ones are streamed."""

import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import cast

from attrs import frozen

from pushpaka_core.errors import InvalidInputError, NotFoundError
from pushpaka_core.host.archive_streams import ForwardStream, OversizedHeaderError
from pushpaka_core.host.untrusted_files import printable

CHUNK_BYTES = 64 << 10
END_OF_ARCHIVE = bytes(2 * tarfile.BLOCKSIZE)
_KINDS = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
_DAMAGED_ERRORS = (
    *(tarfile.TarError, EOFError, ValueError, RecursionError, OverflowError, OversizedHeaderError),
)
_MAX_NAME_BYTES, _MAX_PATH_BYTES = 255, 4095
_MAX_ID, _MAX_TIME = 2**32 - 2, 2**40
_MAX_SPARSE_BYTES = 8 << 30
"""
The maximum content of a sparse file, in bytes. More would need a pax header for the size, which
tarfile misreads for sparse files.
"""

Segment = tuple[int, int]
"""The offset and the size of a part of a file, in bytes. Between segments, a file has holes."""


@frozen(kw_only=True)
class ArchiveMember:
    """
    A file, directory, link or named pipe of a volume.

    Its name is relative to the volume and does not leave it. Hard links refer to such a name, too.
    Symbolic links have any target, and must never be followed.
    """

    info: tarfile.TarInfo
    """The metadata, with numeric owners. The name of the volume itself is empty."""
    segments: tuple[Segment, ...] = ()
    """The parts of a regular file that are not holes, in order."""
    content: Iterable[bytes] = ()
    """
    The content of the segments. If the member is from `read_members`, its content can be read only
    once, before the next member is requested.
    """

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of the name."""
        return tuple(self.info.name.split("/")) if self.info.name else ()

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield the content of the segments in pieces, each with its offset in the file."""
        content = iter(self.content)
        for start, size in self.segments:
            written = 0
            while written < size:
                piece = next(content)
                yield start + written, piece
                written += len(piece)


def read_members(stream: ForwardStream, *, skip_devices: bool = False) -> Iterator[ArchiveMember]:
    """
    Yield the members of an untrusted archive. Blocks.

    Args:
        stream: The archive.
        skip_devices: Whether devices are skipped. Otherwise, they are an error.

    Raises:
        InvalidInputError: If the archive is damaged or incomplete, if a member would leave the
            volume, or if it is a device.
    """
    with _rejected_if_damaged():
        with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
            while (found := tar.next()) is not None:
                tar.members.clear()  # tarfile would keep all members in memory,
                tar.pax_headers.clear()  # and all global headers.
                if skip_devices and found.isdev() and not found.isfifo():
                    continue
                stream.seek(found.offset_data)
                segments = _checked_segments(found)
                stream.expect_content(sum(size for _, size in segments))
                content = _read_segments(stream, segments)
                yield ArchiveMember(info=_checked_info(found), segments=segments, content=content)
        # tarfile ends at any invalid header. An archive without its end is not complete.
        if stream.last_read != bytes(tarfile.BLOCKSIZE):
            raise EOFError
        stream.skip_rest()


def write_member(member: ArchiveMember) -> Iterator[bytes]:
    """Yield *member* as part of a tar archive in the format pax."""
    info = copy(member.info)
    info.name = info.name or "."
    size = sum(size for _, size in member.segments)
    head = b""
    if size != info.size and size < _MAX_SPARSE_BYTES:
        head = _sparse_map(member.segments)
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": info.name,
            "GNU.sparse.realsize": str(info.size),
        }
        info.size = len(head) + size
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + head
    if size == member.info.size or head:
        yield from member.content
    else:
        yield from _without_holes(member)
    yield _padding(info.size)


def path_parts(path: str) -> tuple[str, ...]:
    """
    Return the components of a path in a volume. The empty path has none.

    Raises:
        NotFoundError: If no volume can contain the path.
    """
    parts = tuple(path.split("/")) if path else ()
    if {"", ".", ".."} & set(parts) or "\0" in path:
        raise NotFoundError("file")
    return parts


def rejected(problem: str) -> InvalidInputError:
    """Return the error for an archive that is not accepted because of *problem*, a clause."""
    return InvalidInputError({"archive": f"cannot be extracted: {problem}"})


@contextmanager
def _rejected_if_damaged() -> Iterator[None]:
    try:
        yield
    except _DAMAGED_ERRORS as error:
        raise rejected("it is damaged, incomplete, or not a tar archive") from error


def _checked_info(found: tarfile.TarInfo) -> tarfile.TarInfo:
    name = printable(found.name)
    if not (found.isreg() or found.type in _KINDS):
        raise rejected(f"{name} is neither a file, a directory, a link nor a named pipe")
    if not (0 <= found.uid <= _MAX_ID and 0 <= found.gid <= _MAX_ID):
        raise rejected(f"{name} has an invalid owner")
    if not abs(found.mtime) < _MAX_TIME:
        raise rejected(f"{name} has an invalid time")
    info = tarfile.TarInfo(_checked_path(found.name))
    info.type = tarfile.REGTYPE if found.isreg() else found.type
    info.mode, info.uid, info.gid = found.mode & 0o7777, found.uid, found.gid
    info.size, info.mtime = found.size if found.isreg() else 0, found.mtime
    if found.issym():
        info.linkname = _checked_target(found)
    if found.islnk():
        info.linkname = _checked_path(found.linkname)
    if not (info.name or info.isdir()) or (info.islnk() and not info.linkname):
        raise rejected("its entry for the volume itself is not a directory")
    return info


def _checked_path(path: str) -> str:
    """Return *path* without empty components and dots."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts:
        raise rejected(f"{printable(path)} points outside the volume")
    is_long = any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts)
    if is_long or len(os.fsencode(path)) > _MAX_PATH_BYTES or "\0" in path:
        raise rejected(f"the path {printable(path)} is too long or invalid")
    return "/".join(parts)


def _checked_target(found: tarfile.TarInfo) -> str:
    target = found.linkname
    if not target or len(os.fsencode(target)) > _MAX_PATH_BYTES or "\0" in target:
        raise rejected(f"the target of the link {printable(found.name)} is invalid")
    return target


def _checked_segments(found: tarfile.TarInfo) -> tuple[Segment, ...]:
    if not found.isreg():
        return ()
    # The types of the standard library are wrong here.
    sparse = cast("Iterable[Segment] | None", found.sparse)
    segments = ((0, found.size),) if sparse is None else tuple(sparse)
    end = 0
    for start, size in segments:
        if start < end or size < 0:
            raise ValueError("the data segments of a sparse file overlap")
        end = start + size
    if end > found.size:
        raise ValueError("a segment is outside the file")
    return tuple(one for one in segments if one[1])


def _read_segments(stream: ForwardStream, segments: Sequence[Segment]) -> Iterator[bytes]:
    for _, size in segments:
        missing = size
        while missing:
            with _rejected_if_damaged():
                piece = stream.read(min(missing, CHUNK_BYTES))
                if not piece:
                    raise EOFError
            missing -= len(piece)
            yield piece


def _sparse_map(segments: Sequence[Segment]) -> bytes:
    """Return the map of a sparse file in version 1.0 of GNU's format."""
    numbers = [len(segments), *(number for segment in segments for number in segment)]
    text = "".join(f"{number}\n" for number in numbers).encode()
    return text + _padding(len(text))


def _without_holes(member: ArchiveMember) -> Iterator[bytes]:
    position = 0
    for offset, piece in member.pieces():
        yield from _zeros(offset - position)
        yield piece
        position = offset + len(piece)
    yield from _zeros(member.info.size - position)


def _zeros(size: int) -> Iterator[bytes]:
    while size:
        piece = bytes(min(size, CHUNK_BYTES))
        yield piece
        size -= len(piece)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
