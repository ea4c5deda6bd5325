"""One server for one data directory, or several processes that share it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushpaka_core.errors import SettingsError


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """
    Hold the lock of a data directory, alone or *shared*; the kernel drops it with the process.

    Nobody else may open the file, since whoever has it open can hold the lock.

    Raises:
        SettingsError: If another process holds it, and not both would share it.
    """
    descriptor = os.open(directory / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(_taken(directory, file.read())) from None
        file.truncate(0)
        file.write("" if shared else str(os.getpid()))
        file.flush()
        yield


def _taken(directory: Path, pid: str) -> str:
    who = f"Another Pushpaka (process {pid})" if pid else "Another Pushpaka"
    return (
        f"{who} serves from {directory} already. "
        "Stop it first, or set PUSHPAKA_DATA_DIRECTORY to another directory."
    )
