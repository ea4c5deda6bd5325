"""Temporary directories of programs that the platform waits for."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.sandbox.permissions import make_traversable
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.host.directory_locks import create_and_lock, open_directory

_PREFIX = "once-"


@frozen
class TemporaryHomes:
    """
    Creates temporary directories, locked by their creator.

    The lock is released when the creator dies, so abandoned directories can be removed.
    """

    _parent: Path

    @asynccontextmanager
    async def create(self, name: str) -> AsyncIterator[Path]:
        """Yield the path of a new directory, which is removed at the end of the block."""
        path = self._parent / f"{_PREFIX}{name}"
        lock = await to_thread.run_sync(_create_locked, path)
        try:
            yield path
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(remove_tree, path)
            os.close(lock)

    def remove_abandoned(self) -> None:
        """Remove directories whose creator has exited. Blocks."""
        for path in self._parent.glob(f"{_PREFIX}*"):
            with suppress(FileNotFoundError, BlockingIOError), open_directory(path) as lock:
                flock(lock, LOCK_EX | LOCK_NB)
                remove_tree(path)


def _create_locked(path: Path) -> int:
    return create_and_lock(path, partial(_make, path), LOCK_EX)


def _make(path: Path) -> None:
    with translate_os_errors("The start"):
        make_traversable(path)
