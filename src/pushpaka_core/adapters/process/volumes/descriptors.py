"""Opens directories without following links, which untrusted programs may create at any time."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pushpaka_core.host.untrusted_files import OPEN_DIRECTORY

NOT_A_DIRECTORY = (errno.ENOTDIR, errno.ELOOP)
"""The error codes of attempts to open a file or a link as a directory."""


@contextmanager
def open_directory_at(
    top: Path | int, parts: Sequence[str] = (), *, create_as: int | None = None
) -> Iterator[int]:
    """
    Yield a descriptor of the directory at *parts* in *top*, opened without following links.

    Args:
        top: The path or a descriptor of a directory.
        parts: The names of directories, from the outermost to the innermost.
        create_as: The owner of missing directories, or None to create none. If it is the id of this
            process's user, the owner is not changed.

    Raises:
        OSError: With a code in `NOT_A_DIRECTORY` if a file or link is in the way.
    """
    current = os.open(top, OPEN_DIRECTORY) if isinstance(top, Path) else os.dup(top)
    try:
        for part in parts:
            if create_as is not None:
                _create_directory(part, current, create_as)
            inner = os.open(part, OPEN_DIRECTORY, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def change_owner_at(name: str, parent: int, uid: int) -> None:
    """Make *uid* the owner of an entry of *parent*, without following links."""
    if uid != os.geteuid():
        os.chown(name, uid, uid, dir_fd=parent, follow_symlinks=False)


def _create_directory(name: str, parent: int, owner: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        return
    change_owner_at(name, parent, owner)
