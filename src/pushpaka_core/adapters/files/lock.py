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

    Raises:
        SettingsError: If another process holds it.
    """
    with (directory / "serve.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
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
