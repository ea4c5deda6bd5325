"""Walks over what a build has left, which may have been made to harm whoever looks at it."""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from anyio import from_thread
from attrs import frozen

from pushpaka_core.errors import BuildError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 2**20

DEEPEST = 200
MOST_FILES = 1_000_000


@frozen(kw_only=True)
class Entry:
    """Something in a directory; good until the walk goes on."""

    path: str
    """From where the walk began."""
    name: str
    parent: int
    """A descriptor of the directory that it is in."""
    mode: int

    @property
    def is_link(self) -> bool:
        """Tell whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


@contextmanager
def walk(root: Path) -> Iterator[Iterator[Entry]]:
    """
    Open a walk over all that lies below *root*, sorted, links not followed; for a worker thread.

    Raises:
        BuildError: If it is deeper or more than anybody could want.
    """
    descriptor = os.open(root, _DIRECTORY)
    try:
        with closing(_entries(descriptor, "")) as entries:
            yield _bounded(entries)
    finally:
        os.close(descriptor)


def printable(path: str) -> str:
    """Return *path* for a message: a name may hold line ends, or be no text at all."""
    return "".join(letter if letter.isprintable() else "?" for letter in path)


def read_pieces(name: str | Path, parent: int | None = None) -> Iterator[bytes]:
    """Yield the content of a regular file, and nothing of what is none; never wait for a pipe."""
    descriptor = os.open(name, _FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        while piece := file.read(_PIECE):
            from_thread.check_cancelled()
            yield piece


def _bounded(entries: Iterator[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        from_thread.check_cancelled()
        if number >= MOST_FILES:
            raise BuildError(
                f"The build left more than {MOST_FILES:,} files. Let it remove what only it needs."
            )
        yield entry


def _entries(directory: int, prefix: str) -> Generator[Entry, None, None]:
    if prefix.count("/") > DEEPEST:
        raise BuildError(
            f"The build left directories that are nested more than {DEEPEST} deep,"
            f" as in {printable(prefix[:40])}… Let it remove them."
        )
    for name in sorted(os.listdir(directory)):
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        yield Entry(path=prefix + name, name=name, parent=directory, mode=mode)
        if stat.S_ISDIR(mode):
            yield from _entries_of(name, directory, prefix)


def _entries_of(name: str, parent: int, prefix: str) -> Generator[Entry, None, None]:
    """Yield what is in a directory; one that is closed to us is as good as empty."""
    with suppress(PermissionError):
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            yield from _entries(directory, f"{prefix}{name}/")
        finally:
            os.close(directory)
