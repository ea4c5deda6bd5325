"""One server for one data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushpaka_core.errors import SettingsError


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """
    Hold the lock of a data directory; the kernel drops it with the process.

    Nobody else may open the file, since whoever has it open can hold the lock.

    Raises:
        SettingsError: If another process holds it.
    """
    descriptor = os.open(directory / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(_taken(directory, file.read())) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(directory: Path, pid: str) -> str:
    return (
        f"Another Pushpaka (process {pid or 'unknown'}) serves from {directory} already. "
        "Stop it first, or set PUSHPAKA_DATA_DIRECTORY to another directory."
    )
