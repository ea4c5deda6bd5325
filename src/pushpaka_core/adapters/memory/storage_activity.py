"""All deployments in numbers, counted in memory."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.activity import SUCCEEDED, Queue, Spread
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import DeploymentKind


@frozen
class MemoryActivityNumbers:
    """What deployments are and were."""

    _tables: Tables

    async def queue(self) -> Queue:
        """Return how much waits and is in work."""
        waiting = self._tables.deployments.where(lambda d: d.status is DeploymentStatus.QUEUED)
        return Queue(
            waiting=len(waiting),
            in_work=len(self._tables.deployments.where(lambda d: d.is_in_work)),
            oldest_waiting_since=min((d.created_at for d in waiting), default=None),
        )

    async def statuses(self, since: datetime, /) -> Mapping[tuple[date, DeploymentStatus], int]:
        """Return how many were asked for on each day, by their statuses."""
        found = self._tables.deployments.where(lambda d: d.created_at >= since)
        return Counter((d.created_at.date(), d.status) for d in found)

    async def durations(self, since: datetime, /) -> Mapping[date, Spread]:
        """Return how long those took that were built and have run."""
        took: defaultdict[date, list[timedelta]] = defaultdict(list)
        for deployment in self._tables.deployments:
            is_built = deployment.kind is DeploymentKind.DEPLOY and deployment.status in SUCCEEDED
            if deployment.created_at >= since and is_built and deployment.duration is not None:
                took[deployment.created_at.date()].append(deployment.duration)
        return {day: _spread(sorted(durations)) for day, durations in took.items()}


def _spread(took: Sequence[timedelta]) -> Spread:
    return Spread(median=_at_rank(took, 50), p95=_at_rank(took, 95))


def _at_rank(took: Sequence[timedelta], percent: int) -> timedelta:
    return took[-(-len(took) * percent // 100) - 1]
