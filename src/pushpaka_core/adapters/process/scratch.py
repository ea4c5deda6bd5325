"""Directories that are there only as long as somebody waits for the program in them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.process.faults import translated_faults
from pushpaka_core.adapters.process.permissions import make_passable
from pushpaka_core.adapters.process.removal import remove_tree
from pushpaka_core.directory_locks import made_and_locked, opened

_PREFIX = "once-"


@frozen
class Scratch:
    """Each is locked by who waits, so that what a killed one has left is known."""

    _parent: Path

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[Path]:
        """Yield a directory of that name, which is removed at the end of the block."""
        path = self._parent / f"{_PREFIX}{name}"
        lock = await to_thread.run_sync(_locked, path)
        try:
            yield path
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(remove_tree, path)
            os.close(lock)

    def sweep(self) -> None:
        """Remove those for which nobody waits; blocks."""
        for path in self._parent.glob(f"{_PREFIX}*"):
            with suppress(FileNotFoundError, BlockingIOError), opened(path) as lock:
                flock(lock, LOCK_EX | LOCK_NB)
                remove_tree(path)


def _locked(path: Path) -> int:
    return made_and_locked(path, partial(_make, path), LOCK_EX)


def _make(path: Path) -> None:
    with translated_faults("The start"):
        make_passable(path)
