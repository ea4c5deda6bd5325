"""Tells waiting workers that there is something to claim."""

from datetime import timedelta
from typing import Protocol

from pushpaka_core.domain.projects import ProjectId


class DeploymentQueue(Protocol):
    """
    Wakes workers. It carries hints, not work: the work is the queued row in storage.

    A hint that is lost costs one polling interval; one that comes twice costs nothing.
    """

    async def announce(self, project_id: ProjectId, /) -> None:
        """Wake one waiting worker, wherever it runs; if none waits now, the next that does."""

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return true at the next hint, or false once *timeout* is over."""
        ...
