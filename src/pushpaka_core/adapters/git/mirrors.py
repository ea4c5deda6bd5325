"""What was fetched for a project before, so that only what is new has to come."""

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import PushpakaError

_MOST_PACKS = 50
_LONG_HASHES = "objectformat = sha256"


@frozen
class Store:
    """A bare repository, which may have to be made yet."""

    path: Path

    def digits(self) -> int | None:
        """Return how long its hashes are, or None if it is not there."""
        try:
            configuration = (self.path / "config").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return 64 if _LONG_HASHES in configuration.lower() else 40

    def discard(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)


@frozen
class Mirrors:
    """
    Keeps a store for each project: nobody gets at commits by somebody else's git token.

    It is begun anew when a fetch was killed in it, when it has become large, and
    when the project has another address.
    """

    _root: Path
    _most_bytes: int

    @asynccontextmanager
    async def lend(self, project_id: ProjectId, address: str) -> AsyncIterator[Store | None]:
        """Lend the store of a project, or none while another fetch has it."""
        directory = self._root / str(project_id)
        with ExitStack() as held:
            if not await to_thread.run_sync(_hold, directory, held):
                yield None
                return
            store = Store(directory / "objects.git")
            seal = directory / "sound"
            await to_thread.run_sync(_begin, store, seal, _seal_of(address))
            try:
                yield store
            except PushpakaError:
                await self._end(store, seal, _seal_of(address))
                raise
            await self._end(store, seal, _seal_of(address))

    def remove(self, project_id: ProjectId) -> None:
        """Remove what is kept for a project."""
        shutil.rmtree(self._root / str(project_id), ignore_errors=True)

    async def _end(self, store: Store, seal: Path, sealed: str) -> None:
        with CancelScope(shield=True):
            await to_thread.run_sync(self._settle, store, seal, sealed)

    def _settle(self, store: Store, seal: Path, sealed: str) -> None:
        packs = list(store.path.glob("objects/pack/*.pack"))
        if len(packs) > _MOST_PACKS or _size(packs) > self._most_bytes:
            store.discard()
        seal.write_text(sealed, encoding="utf-8")


def _hold(directory: Path, held: ExitStack) -> bool:
    """Take the lock of a project's store, which the kernel drops with the process."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _begin(store: Store, seal: Path, sealed: str) -> None:
    """Break the seal: until it is put back, nobody knows in which state the store is."""
    if not seal.is_file() or seal.read_text(encoding="utf-8") != sealed:
        store.discard()
    seal.unlink(missing_ok=True)


def _seal_of(address: str) -> str:
    return sha256(address.encode()).hexdigest()


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)
