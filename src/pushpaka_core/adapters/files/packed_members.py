"""What is in a tar archive, one member after the other, and judged before anything is written."""

import os
import tarfile
from collections.abc import Iterator
from gzip import GzipFile
from typing import BinaryIO

from anyio import from_thread
from attrs import define, field, frozen

from pushpaka_core.domain.source_limits import SourceLimits

_PIECE = 64 << 10
"""Nothing longer is read at once: no header of an archive has a reason to be."""
_HEADER_BYTES = 4 << 10
"""What a member may take beside its content, on average."""
_MOST_HEADERS = 256 << 10
"""What may come before the content of a member: tarfile keeps all of it, whatever it says."""
_LONGEST_NAME = 255
_LONGEST_PATH = 1024


class RefusedError(Exception):
    """The archive is not taken, for a reason that its sender can mend."""


@define
class PackedStream:
    """What tarfile reads from: unpacked on the way, only forwards, and not without end."""

    _file: GzipFile
    _most: int
    _position: int = field(default=0, init=False)
    _headers_end: int = field(default=_MOST_HEADERS, init=False)

    def read(self, size: int = -1) -> bytes:
        """Return the next *size* bytes, or less at the end."""
        from_thread.check_cancelled()
        if not 0 <= size <= _PIECE:
            raise RefusedError("it has a header that no archive of a folder has")
        data = self._file.read(size)
        self._position += len(data)
        if self._position > self._most:
            raise RefusedError("it becomes too large when it is unpacked")
        if self._position > self._headers_end:
            raise RefusedError("it has a header that no archive of a folder has")
        return data

    def expect(self, size: int) -> None:
        """Let *size* bytes of content come next, and headers after them."""
        self._headers_end = self._position + size + _MOST_HEADERS

    def tell(self) -> int:
        """Return how much was read."""
        return self._position

    def seek(self, position: int) -> int:
        """Pass over what is before *position*."""
        if position < self._position:
            raise RefusedError("it has a size that cannot be")
        while missing := position - self._position:
            if not self.read(min(missing, _PIECE)):
                break
        return self._position


@frozen(kw_only=True)
class Member:
    """A file, a directory or a link, whose path leads nowhere else than into the archive."""

    parts: tuple[str, ...]
    kind: bytes
    size: int
    is_executable: bool
    target: str
    """Of a link; relative, and inside as well."""

    @property
    def path(self) -> str:
        """Return its path, below the directory that is made."""
        return "/".join(self.parts)


def members(file: BinaryIO, limits: SourceLimits) -> Iterator[tuple[Member, PackedStream]]:
    """
    Yield each member, with the stream that has its content next.

    Raises:
        RefusedError: At the first that is more than the limits, or that no checkout has.
        SourceError, tarfile.TarError, OSError, EOFError, ValueError: If it is damaged.
    """
    most = limits.total_bytes + limits.files * _HEADER_BYTES
    stream = PackedStream(GzipFile(fileobj=file, mode="rb"), most)
    size = Size(limits)
    with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
        while (found := tar.next()) is not None:
            tar.members.clear()  # It would keep all of them,
            tar.pax_headers.clear()  # and what any header says of all that follow.
            member = _judged(found, limits)
            size.add(member)
            stream.seek(found.offset_data)
            stream.expect(member.size)
            yield member, stream


@define
class Size:
    """Adds up members, and refuses the first that is too much."""

    _limits: SourceLimits
    _members: int = field(default=0, init=False)
    _total_bytes: int = field(default=0, init=False)

    def add(self, member: Member) -> None:
        """Count one more; RefusedError."""
        self._members += 1
        self._total_bytes += member.size
        if self._members > self._limits.files:
            raise RefusedError(f"it has more than {self._limits.files:,} files and directories")
        if self._total_bytes > self._limits.total_bytes:
            raise RefusedError(f"its files have more than {self._limits.total_bytes:,} bytes")


def named(path: str) -> str:
    """Return *path* as a message may have it: a name can hold line ends, or be no text at all."""
    return "".join(letter if letter.isprintable() else "?" for letter in path[:100])


def _judged(found: tarfile.TarInfo, limits: SourceLimits) -> Member:
    parts = _parts(found.name, limits)
    if found.size < 0:
        raise RefusedError(f"{named(found.name)} has a size that cannot be")
    if found.issparse() or not (found.isreg() or found.isdir() or found.issym()):
        raise RefusedError(
            f"{named(found.name)} is no file, directory or symbolic link: a hard link, for "
            "example, or a device"
        )
    return Member(
        parts=parts,
        kind=tarfile.REGTYPE if found.isreg() else found.type,
        size=found.size if found.isreg() else 0,
        is_executable=bool(found.mode & 0o100),
        target=_target(found, parts) if found.issym() else "",
    )


def _parts(path: str, limits: SourceLimits) -> tuple[str, ...]:
    """Return the names on the way to *path*, none of which leads up."""
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if path.startswith("/") or ".." in parts:
        raise RefusedError(f"{named(path)} leads out of the folder")
    if any(part.casefold() == ".git" for part in parts):
        raise RefusedError(f"{named(path)} is Git's own; leave .git out")
    if len(os.fsencode(path)) > _LONGEST_PATH or any(_is_long(part) for part in parts):
        raise RefusedError(f"it has a path that is too long, as in {named(path)}")
    if len(parts) > limits.depth:
        raise RefusedError(f"its directories are nested more than {limits.depth} deep")
    return parts


def _target(link: tarfile.TarInfo, parts: tuple[str, ...]) -> str:
    """
    Return where a link leads; up only at its beginning, and never above the folder.

    The directories of its own path are real ones, so that each step up is one in the tree;
    steps down through other links stay inside as those do.
    """
    steps = [step for step in link.linkname.split("/") if step not in {"", "."}]
    ups = next((n for n, step in enumerate(steps) if step != ".."), len(steps))
    is_outside = link.linkname.startswith("/") or ups >= len(parts) or ".." in steps[ups:]
    if is_outside or not link.linkname or len(os.fsencode(link.linkname)) > _LONGEST_PATH:
        raise RefusedError(f"{named(link.name)} is a link that leads out of the folder")
    return link.linkname


def _is_long(name: str) -> bool:
    return len(os.fsencode(name)) > _LONGEST_NAME
