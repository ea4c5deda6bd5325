"""Directories in which a commit lies from its fetch to its build."""

from collections.abc import Sequence
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

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that have a directory."""
        ...
