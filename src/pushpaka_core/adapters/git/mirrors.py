"""Mirrors of repositories, so that a fetch only transfers new objects."""

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.errors import PushpakaError

_MAX_PACKS = 50
_SHA256_FORMAT = "objectformat = sha256"


@frozen
class BareRepository:
    """A bare repository, which may not exist yet."""

    path: Path

    def hash_length(self) -> int | None:
        """Return the length of hashes in the repository, or None if it does not exist."""
        try:
            configuration = (self.path / "config").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        return 64 if _SHA256_FORMAT in configuration.lower() else 40

    def delete(self) -> None:
        """Delete the repository."""
        shutil.rmtree(self.path, ignore_errors=True)


@frozen
class Mirrors:
    """
    Keeps one mirror per project. Mirrors are not shared, because access depends on the Git token.

    A mirror is deleted if a fetch into it was interrupted, if it has become large, or if the
    project's repository URL has changed.
    """

    _root: Path
    _max_bytes: int

    @asynccontextmanager
    async def open_mirror(
        self, project_id: ProjectId, repo_url: str
    ) -> AsyncIterator[BareRepository | None]:
        """Yield the locked mirror of a project, or None if another fetch is using it."""
        directory = self._root / str(project_id)
        with ExitStack() as held:
            if not await to_thread.run_sync(_try_lock, directory, held):
                yield None
                return
            bare_repository = BareRepository(directory / "objects.git")
            seal = directory / "sound"
            await to_thread.run_sync(_unseal, bare_repository, seal, _seal_of(repo_url))
            try:
                yield bare_repository
            except PushpakaError:
                await self._close_mirror(bare_repository, seal, _seal_of(repo_url))
                raise
            await self._close_mirror(bare_repository, seal, _seal_of(repo_url))

    def remove(self, project_id: ProjectId) -> None:
        """Delete a project's mirror."""
        shutil.rmtree(self._root / str(project_id), ignore_errors=True)

    async def _close_mirror(
        self, bare_repository: BareRepository, seal: Path, content: str
    ) -> None:
        with CancelScope(shield=True):
            await to_thread.run_sync(self._seal, bare_repository, seal, content)

    def _seal(self, bare_repository: BareRepository, seal: Path, content: str) -> None:
        packs = list(bare_repository.path.glob("objects/pack/*.pack"))
        if len(packs) > _MAX_PACKS or _total_size(packs) > self._max_bytes:
            bare_repository.delete()
        seal.write_text(content, encoding="utf-8")


def _try_lock(directory: Path, stack: ExitStack) -> bool:
    """
    Lock a project's mirror until *stack* closes. The kernel also releases the lock when the process
    exits.
    """
    lock = directory / "lock"
    if lock.is_dir() or (directory / "sound").is_dir():
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unseal(bare_repository: BareRepository, seal: Path, expected_content: str) -> None:
    """
    Delete the mirror unless its seal file has the expected content, and remove the seal file.

    A fetch writes a new seal when it succeeds, so a mirror without a seal may be damaged.
    """
    if not seal.is_file() or seal.read_text(encoding="utf-8", errors="replace") != expected_content:
        bare_repository.delete()
    seal.unlink(missing_ok=True)


def _seal_of(repo_url: str) -> str:
    return sha256(repo_url.encode()).hexdigest()


def _total_size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)
