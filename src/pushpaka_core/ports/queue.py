"""Notifies waiting workers of queued deployments."""

from datetime import timedelta
from typing import Protocol

from pushpaka_core.domain.ids import ProjectId


class DeploymentQueue(Protocol):
    """
    Wakes workers when a deployment is queued.

    This queue transmits hints, not jobs. The jobs are the queued deployments in storage. A lost
    hint delays a deployment by one polling interval. A duplicate hint has no effect.
    """

    async def notify(self, project_id: ProjectId, /) -> None:
        """
        Wake one waiting worker on any host. If no worker is waiting, the next call of `wait`
        returns immediately.
        """

    async def wait(self, timeout: timedelta, /) -> bool:
        """Wait for the next hint. Return True if a hint arrived, or False after *timeout*."""
        ...
