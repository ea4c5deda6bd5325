"""Stores workspaces as directories of this host."""

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
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId

_NAME = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)"
)

_SCRATCH = "scratch-"


@frozen
class DirectoryWorkspaces:
    """Manages a directory `<deployment>.<fence>` for each lease, below one private directory."""

    _directory: Path

    async def path(self, lease: Lease, /) -> Path:
        """Return the path for the commit's files. Files of an earlier attempt are deleted."""
        home = self._directory_of(lease)
        await to_thread.run_sync(_recreate, home)
        return home / "source"

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """Return the files of the repository, which are read on demand."""
        return await to_thread.run_sync(load_tree, directory, root_dir)

    async def remove(self, lease: Lease, /) -> None:
        """Delete the lease's directory."""
        await to_thread.run_sync(_remove, self._directory_of(lease))

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """Yield a path in a new directory `scratch-…`, which is deleted afterwards."""
        home = self._directory / f"{_SCRATCH}{uuid4()}"
        await to_thread.run_sync(_recreate, home)
        try:
            yield home / "source"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_remove, home)

    async def remove_old_scratch(self, older_than: timedelta, /) -> None:
        """Delete the scratch directories that are older than *older_than*."""
        await to_thread.run_sync(self._remove_old_scratch, older_than)

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        return await to_thread.run_sync(self._leases)

    def _directory_of(self, lease: Lease) -> Path:
        return self._directory / f"{lease.deployment_id}.{lease.fence}"

    def _remove_old_scratch(self, older_than: timedelta) -> None:
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


def _recreate(directory: Path) -> None:
    _remove(directory)
    directory.mkdir(parents=True, mode=0o700)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
