"""Which containers somebody waits for, so that nobody else ends them."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from io import TextIOWrapper
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen


@frozen
class Waiting:
    """A lock for each, which the kernel drops with the process that waits."""

    _directory: Path

    @property
    def place(self) -> str:
        """Return what tells whether another process sees the same locks."""
        return f"{socket.gethostname()}:{self._directory}"

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[None]:
        """Wait for the container of *name*, which is not made yet, until the end of the block."""
        lock = await to_thread.run_sync(self._locked, name)
        try:
            yield
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self.forget, name)
            lock.close()

    def has(self, name: str) -> bool:
        """Tell whether somebody waits for the container of *name*; blocks."""
        try:
            with (self._directory / name).open() as file:
                flock(file, LOCK_SH | LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def forget(self, name: str) -> None:
        """Remove the lock, which may be of a killed process; blocks."""
        (self._directory / name).unlink(missing_ok=True)

    def _locked(self, name: str) -> TextIOWrapper:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (self._directory / name).open("w")
        flock(file, LOCK_EX)
        return file
