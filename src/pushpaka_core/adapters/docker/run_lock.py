"""Locks on the containers of one-off commands, so that no other process removes a container."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from io import TextIOWrapper
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen


@frozen
class RunLock:
    """File locks, one per container. The kernel releases them when the process exits."""

    _directory: Path

    @property
    def scope(self) -> str:
        """Return an id of this host and directory. Processes with the same id share the locks."""
        return f"{socket.gethostname()}:{self._directory}"

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold the lock for the container *name*, which need not exist yet, during the block."""
        lock = await to_thread.run_sync(self._open_locked, name)
        try:
            yield
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self.remove, name)
            lock.close()

    def is_held(self, name: str) -> bool:
        """Return whether any process holds the lock for *name*. Blocks."""
        try:
            with (self._directory / name).open() as file:
                flock(file, LOCK_SH | LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def remove(self, name: str) -> None:
        """Remove the lock file, which a killed process may have left. Blocks."""
        (self._directory / name).unlink(missing_ok=True)

    def _open_locked(self, name: str) -> TextIOWrapper:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (self._directory / name).open("w")
        flock(file, LOCK_EX)
        return file
