"""Extracts untrusted archives into directories that untrusted programs write to."""

import ctypes
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from attrs import define, field

from pushpaka_core.adapters.process.volumes.descriptors import (
    NOT_A_DIRECTORY,
    change_owner_at,
    open_directory_at,
)
from pushpaka_core.host.archive_streams import ForwardStream
from pushpaka_core.host.untrusted_files import printable
from pushpaka_core.host.volume_archives import ArchiveMember, read_members, rejected

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS = 0o1777
"""The mode bits that are kept: all except setuid and setgid."""
_STAGED = "file"
_NANO = 10**9
_LIBC = ctypes.CDLL(None, use_errno=True)


def extract_archive(stream: ForwardStream, top: int, staging: int) -> None:
    """
    Extract an archive into the directory *top*, whose owner becomes the owner of all files. Blocks.

    The metadata of *top* itself is not changed, because it keeps other projects out. All files are
    synced to disk.

    Args:
        stream: The archive.
        top: A descriptor of the directory.
        staging: A descriptor of an empty directory on the same file system that only this process
            can change. Files are completed there and then moved, so that no running program can
            replace them by links before their modes are set.

    Raises:
        InvalidInputError: If the archive is damaged, or an entry would leave the directory.
        OSError: For faults of the host, for example a full disk.
    """
    writer = _TreeWriter(top, staging, os.fstat(top).st_uid)
    for member in read_members(stream):
        if member.parts:
            writer.write(member)
    writer.finish_directories()
    if _LIBC.syncfs(top) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@define
class _TreeWriter:
    """Writes members relative to open directories, so that no link is followed."""

    _top: int
    _staging: int
    _owner: int
    _directories: dict[str, ArchiveMember] = field(factory=dict, init=False)

    def write(self, member: ArchiveMember) -> None:
        """Write *member*. An existing entry is replaced, unless one of the two is a directory."""
        *directories, name = member.parts
        with self._open(directories, member, create_as=self._owner) as parent:
            if member.info.isdir():
                self._create_directory(member, parent)
                return
            self._stage(member)
            try:
                os.rename(_STAGED, name, src_dir_fd=self._staging, dst_dir_fd=parent)
            except IsADirectoryError:
                raise rejected(f"{printable(member.info.name)} exists as a directory") from None
            # Renaming a file to another name of itself does nothing.
            with suppress(FileNotFoundError):
                os.unlink(_STAGED, dir_fd=self._staging)

    def finish_directories(self) -> None:
        """Set the final modes and times of directories, which were writable until now."""
        for member in reversed(self._directories.values()):
            with self._open(member.parts, member) as directory:
                if self._owner != os.geteuid():
                    os.fchown(directory, self._owner, self._owner)
                os.fchmod(directory, member.info.mode & _PERMISSIONS)
                os.utime(directory, ns=_times(member))

    def _create_directory(self, member: ArchiveMember, parent: int) -> None:
        name = member.parts[-1]
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                raise rejected(f"{printable(member.info.name)} exists as a file") from None
        self._directories[member.info.name] = member

    def _stage(self, member: ArchiveMember) -> None:
        info = member.info
        if info.islnk():
            self._stage_hard_link(member)
            return
        if info.issym():
            os.symlink(info.linkname, _STAGED, dir_fd=self._staging)
        elif info.isfifo():
            os.mkfifo(_STAGED, dir_fd=self._staging)
        else:
            _write_file(member, self._staging)
        change_owner_at(_STAGED, self._staging, self._owner)
        if not info.issym():
            os.chmod(_STAGED, info.mode & _PERMISSIONS, dir_fd=self._staging)
        os.utime(_STAGED, ns=_times(member), dir_fd=self._staging, follow_symlinks=False)

    def _stage_hard_link(self, member: ArchiveMember) -> None:
        *directories, target = member.info.linkname.split("/")
        with self._open(directories, member) as parent:
            try:
                os.link(
                    target,
                    _STAGED,
                    src_dir_fd=parent,
                    dst_dir_fd=self._staging,
                    follow_symlinks=False,
                )
            except (FileNotFoundError, PermissionError):
                raise _missing_target(member) from None

    @contextmanager
    def _open(
        self, parts: Sequence[str], member: ArchiveMember, *, create_as: int | None = None
    ) -> Iterator[int]:
        with ExitStack() as stack:
            try:
                directory = stack.enter_context(
                    open_directory_at(self._top, parts, create_as=create_as)
                )
            except FileNotFoundError:
                raise _missing_target(member) from None
            except OSError as error:
                if error.errno not in NOT_A_DIRECTORY:
                    raise
                name = printable(member.info.name)
                raise rejected(
                    f"a parent directory of {name} is a link or a file in the volume"
                ) from None
            yield directory


def _write_file(member: ArchiveMember, directory: int) -> None:
    file = os.open(_STAGED, _NEW_FILE, 0o600, dir_fd=directory)
    with os.fdopen(file, "wb", buffering=0) as stream:
        for offset, piece in member.pieces():
            stream.seek(offset)
            remaining = memoryview(piece)
            while remaining:
                remaining = remaining[stream.write(remaining) :]
        stream.truncate(member.info.size)


def _missing_target(member: ArchiveMember) -> Exception:
    name = printable(member.info.linkname or member.info.name)
    return rejected(f"{name}, the target of a hard link, is not a file in the volume")


def _times(member: ArchiveMember) -> tuple[int, int]:
    nanoseconds = round(member.info.mtime * _NANO)
    return nanoseconds, nanoseconds
