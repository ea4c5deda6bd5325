"""Locks of directories that somebody else may remove at the same time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import flock
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(directory: Path) -> Iterator[int]:
    """Yield a descriptor of *directory*; whatever was locked by it is free when it is closed."""
    held = os.open(directory, _FLAGS)
    try:
        yield held
    finally:
        os.close(held)


def made_and_locked(directory: Path, make: Callable[[], object], operation: int) -> int:
    """
    Make *directory* and lock it, again where it was removed in between; blocks.

    *operation* is that of flock. The lock holds until the descriptor that is returned is closed.
    """
    while True:
        make()
        with suppress(FileNotFoundError):
            held = os.open(directory, _FLAGS)
            flock(held, operation)
            if directory.exists() and directory.stat().st_ino == os.fstat(held).st_ino:
                return held
            os.close(held)
