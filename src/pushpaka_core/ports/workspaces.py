"""Directories in which a commit lies from its fetch to its build."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.deployments import Lease


class Workspaces(Protocol):
    """Gives each lease a directory of its own, and takes it away."""

    async def path(self, lease: Lease, /) -> Path:
        """Return where the lease's files belong: an absolute path at which nothing is yet."""
        ...

    async def tree(self, directory: Path, root_dir: str, /) -> FileTree:
        """
        Return the files of the repository for detection; links are not followed.

        Raises:
            SourceError: If there is no directory *root_dir* inside the repository.
        """
        ...

    async def remove(self, lease: Lease, /) -> None:
        """Take the lease's directory away. Harmless to repeat."""

    def scratch(self) -> AbstractAsyncContextManager[Path]:
        """Lend a place that is no lease's, as `path` gives one; it is gone with the block."""
        ...

    async def sweep_scratch(self, older_than: timedelta, /) -> None:
        """Take away what blocks left behind that were killed: what was lent before so long."""

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        ...
