"""Walks over build output, which untrusted code has written."""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from anyio import from_thread
from attrs import frozen

from pushpaka_core.errors import BuildError
from pushpaka_core.host.untrusted_files import OPEN_DIRECTORY, OPEN_FILE, printable

_CHUNK_BYTES = 2**20

MAX_DEPTH = 200
MAX_FILES = 1_000_000


@frozen(kw_only=True)
class Entry:
    """A directory entry. Valid until the walk continues."""

    path: str
    """The path relative to the root of the walk."""
    name: str
    parent: int
    """A descriptor of the containing directory."""
    mode: int

    @property
    def is_link(self) -> bool:
        """Whether the entry is a symbolic link."""
        return stat.S_ISLNK(self.mode)


@contextmanager
def walk(root: Path) -> Iterator[Iterator[Entry]]:
    """
    Yield an iterator over everything below *root*, sorted, without following links.

    Call this in a worker thread. The iteration ends if the calling task is canceled.

    Raises:
        BuildError: If directories are nested deeper than `MAX_DEPTH`, or there are more than
            `MAX_FILES` entries.
    """
    descriptor = os.open(root, OPEN_DIRECTORY)
    try:
        with closing(_entries(descriptor, "")) as entries:
            yield _limit_number(entries)
    finally:
        os.close(descriptor)


def read_regular_file(name: str | Path, parent: int | None = None) -> Iterator[bytes]:
    """Yield the content of a regular file. Other files, such as pipes, yield nothing."""
    descriptor = os.open(name, OPEN_FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        while piece := file.read(_CHUNK_BYTES):
            from_thread.check_cancelled()
            yield piece


def _limit_number(entries: Iterator[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        from_thread.check_cancelled()
        if number >= MAX_FILES:
            raise BuildError(
                f"The build left more than {MAX_FILES:,} files."
                " At the end of the build, delete the files that the application does not need."
            )
        yield entry


def _entries(directory: int, prefix: str) -> Generator[Entry, None, None]:
    if prefix.count("/") > MAX_DEPTH:
        raise BuildError(
            f"The build left directories nested more than {MAX_DEPTH} levels deep, for example"
            f" {printable(prefix[:40])}… Remove them at the end of the build."
        )
    for name in sorted(os.listdir(directory)):
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        yield Entry(path=prefix + name, name=name, parent=directory, mode=mode)
        if stat.S_ISDIR(mode):
            yield from _entries_of(name, directory, prefix)


def _entries_of(name: str, parent: int, prefix: str) -> Generator[Entry, None, None]:
    """Yield the content of a directory, or nothing if it is not accessible."""
    with suppress(PermissionError):
        directory = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        try:
            yield from _entries(directory, f"{prefix}{name}/")
        finally:
            os.close(directory)
