"""Workspaces in the system's temporary directory, gone with their leases."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

from anyio import CancelScope, to_thread
from attrs import define, field

from pushpaka_core.detection.tree import FileTree, MemoryTree
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import SourceError


@define
class MemoryWorkspaces:
    """Remembers which lease has which directory; the files themselves are real ones."""

    _homes: dict[Lease, Path] = field(factory=dict, init=False)

    async def path(self, lease: Lease, /) -> Path:
        """Return where the lease's files belong; what an earlier try left there is removed."""
        await self.remove(lease)
        self._homes[lease] = Path(await to_thread.run_sync(mkdtemp, None, "pushpaka-"))
        return self._homes[lease] / "source"

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """Read all files at once."""
        return MemoryTree(await to_thread.run_sync(_texts, directory, root_dir))

    async def remove(self, lease: Lease, /) -> None:
        """Remove the lease's directory."""
        home = self._homes.pop(lease, None)
        if home is not None:
            await to_thread.run_sync(shutil.rmtree, home, True)

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """Lend a temporary directory."""
        home = Path(await to_thread.run_sync(mkdtemp, None, "pushpaka-"))
        try:
            yield home / "source"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(shutil.rmtree, home, True)

    async def sweep_scratch(self, older_than: timedelta, /) -> None:
        """Find nothing: who would have been killed has taken this with them."""

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        return tuple(self._homes)


def _texts(directory: Path, root_dir: str) -> dict[str, str]:
    top, wanted = directory.resolve(), (directory / root_dir).resolve()
    if not wanted.is_dir() or not wanted.is_relative_to(top):
        raise SourceError(f"root_dir {root_dir!r} is no directory of the repository.")
    files = [path for path in top.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(top).as_posix(): path.read_text(errors="replace") for path in files}
