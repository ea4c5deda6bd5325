"""Locks a data directory, so that only one server uses it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushpaka_core.errors import DataDirectoryInUseError


@contextmanager
def data_directory_lock(directory: Path, *, is_shared: bool = False) -> Iterator[None]:
    """
    Hold the lock of a data directory during the block. The lock is exclusive unless *is_shared*.

    The kernel releases the lock when the process dies. Both the directory and its file
    `serve.lock` are locked, because the file could be deleted in the meantime. The file is
    private, because every process that can open it could lock it.

    Raises:
        DataDirectoryInUseError: If another process holds a conflicting lock.
    """
    operation = (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    descriptor = os.open(directory / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file, _open_directory(directory) as itself:
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(file, operation)
            _lock_directory(itself, operation)
        except BlockingIOError:
            raise DataDirectoryInUseError(str(directory), file.read()) from None
        file.truncate(0)
        file.write("" if is_shared else str(os.getpid()))
        file.flush()
        yield


@contextmanager
def _open_directory(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_directory(descriptor: int, operation: int) -> None:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        raise
    except OSError:
        """NFS does not support locking a directory, so only the file is locked there."""
