"""Archives and measures directories that untrusted programs write to."""

import errno
import os
import stat
import tarfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress

from anyio import from_thread
from attrs import define, field, frozen

from pushpaka_core.adapters.process.volumes.descriptors import NOT_A_DIRECTORY, open_directory_at
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.untrusted_files import OPEN_FILE, printable
from pushpaka_core.host.volume_archives import (
    CHUNK_BYTES,
    END_OF_ARCHIVE,
    ArchiveMember,
    Segment,
    write_member,
)

_MAX_DEPTH = 200
_MAX_SEGMENTS = 4096
"""The maximum number of segments of a sparse file, whose map must not exceed the readers' limit."""
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


@frozen(kw_only=True)
class _Entry:
    """An entry of a directory. Valid until the walk continues."""

    path: str
    parent: int
    """A descriptor of the directory that contains the entry."""
    status: os.stat_result

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def read_tree(top: int, parts: Sequence[str] = ()) -> Generator[bytes, None, None]:
    """
    Yield a tar archive of the directory *top*, or of the entry at *parts* in it. Blocks.

    Sockets and devices are left out. Files that change during the read are archived with their
    initial size.

    Raises:
        FileNotFoundError: If there is no such entry.
        OSError: With a code in `NOT_A_DIRECTORY` if a file or link is in the way, and for other
            faults of the host.
    """
    reader = _TreeReader()
    for entry in _entries(top, parts):
        yield from reader.read(entry)
    yield END_OF_ARCHIVE


def disk_usage(top: int) -> int:
    """Return the disk space of everything in the directory *top*, in bytes. Blocks."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for entry in _entries(top, ()):
        from_thread.check_cancelled()
        status = entry.status
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            key = (status.st_dev, status.st_ino)
            if key in seen:
                continue
            seen.add(key)
        total += status.st_blocks * 512
    return total


@define
class _TreeReader:
    """Turns entries into members of an archive."""

    _names: dict[tuple[int, int], str] = field(factory=dict, init=False)
    """The first path of each file with several hard links, by device and inode."""

    def read(self, entry: _Entry) -> Iterator[bytes]:
        """Yield *entry* as a part of an archive, or nothing if it has just been removed."""
        kind = _KINDS.get(stat.S_IFMT(entry.status.st_mode))
        if kind is None:
            return
        info = _info(entry, kind)
        with suppress(FileNotFoundError):
            if kind == tarfile.SYMTYPE:
                info.linkname = os.readlink(entry.name, dir_fd=entry.parent)
            if kind != tarfile.REGTYPE:
                yield from write_member(ArchiveMember(info=info))
            elif first_name := self._first_name(entry):
                info.type, info.linkname = tarfile.LNKTYPE, first_name
                yield from write_member(ArchiveMember(info=info))
            else:
                yield from _read_file(entry, info)

    def _first_name(self, entry: _Entry) -> str | None:
        status = entry.status
        key = (status.st_dev, status.st_ino)
        if status.st_nlink == 1:
            return None
        if key in self._names:
            return self._names[key]
        self._names[key] = entry.path
        return None


def _info(entry: _Entry, kind: bytes) -> tarfile.TarInfo:
    status = entry.status
    info = tarfile.TarInfo(entry.path)
    info.type, info.mode = kind, stat.S_IMODE(status.st_mode)
    info.uid, info.gid, info.mtime = status.st_uid, status.st_gid, status.st_mtime
    return info


def _read_file(entry: _Entry, info: tarfile.TarInfo) -> Iterator[bytes]:
    try:
        file = os.open(entry.name, OPEN_FILE, dir_fd=entry.parent)
    except OSError as error:
        if error.errno in NOT_A_DIRECTORY:
            return
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return
        info.size = status.st_size
        segments = tuple(_segments(file, status.st_size))
        content = _read_segments(file, segments)
        yield from write_member(ArchiveMember(info=info, segments=segments, content=content))
    finally:
        os.close(file)


def _segments(file: int, size: int) -> Iterator[Segment]:
    """
    Yield the parts of a file that are not holes. If there are too many, the last part covers the
    rest of the file, including its holes.
    """
    end = 0
    for _ in range(_MAX_SEGMENTS - 1):
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # There is no more data.
            return
        if start >= size:
            return
        end = min(os.lseek(file, start, os.SEEK_HOLE), size)
        yield start, end - start
    if end < size:
        yield end, size - end


def _read_segments(file: int, segments: Sequence[Segment]) -> Iterator[bytes]:
    for start, size in segments:
        position, end = start, start + size
        while position < end:
            from_thread.check_cancelled()
            wanted = min(CHUNK_BYTES, end - position)
            # A file that became shorter is filled up.
            yield os.pread(file, wanted, position).ljust(wanted, b"\0")
            position += wanted


def _entries(top: int, parts: Sequence[str]) -> Iterator[_Entry]:
    """Yield the entry at *parts*, and everything in it, sorted, without following links."""
    if not parts:
        yield _Entry(path="", parent=top, status=os.fstat(top))
        yield from _children(top, ())
        return
    with open_directory_at(top, parts[:-1]) as parent:
        status = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
        yield _Entry(path="/".join(parts), parent=parent, status=status)
        if stat.S_ISDIR(status.st_mode):
            with open_directory_at(parent, parts[-1:]) as directory:
                yield from _children(directory, tuple(parts))


def _children(directory: int, parts: tuple[str, ...]) -> Generator[_Entry, None, None]:
    if len(parts) > _MAX_DEPTH:
        raise PlatformFaultError(
            f"The volume contains directories nested more than {_MAX_DEPTH} levels deep, for"
            f" example {printable('/'.join(parts[:10]))}… Remove them."
        )
    for name in sorted(os.listdir(directory)):
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:  # It has just been removed.
            continue
        inner = (*parts, name)
        yield _Entry(path="/".join(inner), parent=directory, status=status)
        if stat.S_ISDIR(status.st_mode):
            yield from _grandchildren(directory, inner)


def _grandchildren(directory: int, parts: tuple[str, ...]) -> Iterator[_Entry]:
    try:
        with (
            open_directory_at(directory, parts[-1:]) as inner,
            closing(_children(inner, parts)) as children,
        ):
            yield from children
    except OSError as error:
        # The directory has just been removed or replaced.
        if error.errno not in (*NOT_A_DIRECTORY, errno.ENOENT):
            raise
