"""Workspaces as directories of this host."""

import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.deployments import DeploymentId, Lease

_NAME = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)"
)

_SCRATCH = "scratch-"


@frozen
class DirectoryWorkspaces:
    """Gives each lease `<deployment>.<fence>` below one directory that only we may enter."""

    _directory: Path

    async def path(self, lease: Lease, /) -> Path:
        """Return where the commit belongs; what an earlier try left there is removed."""
        home = self._home(lease)
        await to_thread.run_sync(_renew, home)
        return home / "source"

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """List the files of the repository; they are read when they are asked for."""
        return await to_thread.run_sync(load_tree, directory, root_dir)

    async def remove(self, lease: Lease, /) -> None:
        """Remove the lease's directory."""
        await to_thread.run_sync(_remove, self._home(lease))

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """Lend a directory that is named `scratch-…`, which no lease is."""
        home = self._directory / f"{_SCRATCH}{uuid4()}"
        await to_thread.run_sync(_renew, home)
        try:
            yield home / "source"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_remove, home)

    async def sweep_scratch(self, older_than: timedelta, /) -> None:
        """Remove the directories that were made before so long."""
        await to_thread.run_sync(self._sweep_scratch, older_than)

    async def leases(self) -> Sequence[Lease]:
        """Read the leases from the names of the directories."""
        return await to_thread.run_sync(self._leases)

    def _home(self, lease: Lease) -> Path:
        return self._directory / f"{lease.deployment_id}.{lease.fence}"

    def _sweep_scratch(self, older_than: timedelta) -> None:
        latest = time.time() - older_than.total_seconds()
        for home in self._directory.glob(f"{_SCRATCH}*"):
            with suppress(FileNotFoundError):
                if home.lstat().st_mtime <= latest:
                    _remove(home)

    def _leases(self) -> Sequence[Lease]:
        matches = (_NAME.fullmatch(path.name) for path in self._directory.glob("*.*"))
        return [
            Lease(deployment_id=DeploymentId(UUID(match["deployment"])), fence=int(match["fence"]))
            for match in matches
            if match
        ]


def _renew(directory: Path) -> None:
    _remove(directory)
    directory.mkdir(parents=True, mode=0o700)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
