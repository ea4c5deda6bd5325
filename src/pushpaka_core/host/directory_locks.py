"""Locks on directories that another process may delete at the same time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import flock
from pathlib import Path

from pushpaka_core.host.untrusted_files import OPEN_DIRECTORY


@contextmanager
def open_directory(directory: Path) -> Iterator[int]:
    """
    Yield a file descriptor of *directory*. Locks taken on it are released when
    the block ends.
    """
    held = os.open(directory, OPEN_DIRECTORY)
    try:
        yield held
    finally:
        os.close(held)


def create_and_lock(directory: Path, create_directory: Callable[[], object], operation: int) -> int:
    """
    Create and lock *directory*, and retry if it is deleted in between. Block until it is locked.

    Args:
        directory: The directory to lock.
        create_directory: A function that creates the directory if it does not exist.
        operation: The operation for flock, for example LOCK_EX.

    Returns:
        A file descriptor. Closing it releases the lock.
    """
    while True:
        create_directory()
        with suppress(FileNotFoundError):
            held = os.open(directory, OPEN_DIRECTORY)
            flock(held, operation)
            if directory.exists() and directory.stat().st_ino == os.fstat(held).st_ino:
                return held
            os.close(held)
