"""The part of the storage that tells of all deployments in numbers."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

from pushpaka_core.domain.activity import Queue, Spread
from pushpaka_core.domain.deployment_steps import DeploymentStatus


class ActivityNumbers(Protocol):
    """What deployments are and were, everybody's together; days are those of UTC."""

    async def queue(self) -> Queue:
        """Return how much waits and is in work."""
        ...

    async def statuses(self, since: datetime, /) -> Mapping[tuple[date, DeploymentStatus], int]:
        """Return how many were asked for on each day at or after *since*, by their statuses."""
        ...

    async def durations(self, since: datetime, /) -> Mapping[date, Spread]:
        """
        Return how long those took that were asked for on each day, were built and have run.

        A value of a spread is one that there was: that of the nearest rank.
        """
        ...
