"""Repositories of log lines and timelines of deployments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.logs.logs import LogEntry, LogFilter, LogLine


class Logs(Protocol):
    """Log lines of deployments. Callers check access by reading the deployment first."""

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        """
        Number the entries, store them and return them as log lines.

        Args:
            deployment_id: The deployment.
            entries: The lines to append.
            fence: The fence of the caller's lease, or None to write without a lease.

        Raises:
            LeaseLostError: If the lease of *fence* is no longer valid. Nothing is written.
        """
        ...

    async def lines(self, deployment: Deployment, log_filter: LogFilter, /) -> Sequence[LogLine]:
        """Return the matching lines of a deployment, ordered by `seq`."""
        ...

    async def last_excess_seq(self, deployment_id: DeploymentId, /, *, max_characters: int) -> int:
        """
        Return the `seq` up to which lines must be removed to meet a size limit, or 0.

        The size of a line is the number of characters of its message plus one.
        """
        ...

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        """
        Remove the oldest lines of a log and return how many were removed.

        The remaining lines keep their numbers.

        Args:
            deployment_id: The deployment.
            up_to: Remove only lines up to this `seq`. None means no such limit.
            limit: The maximum number of lines to remove.
        """
        ...


class TimelineEvents(Protocol):
    """Timelines of deployments. Callers check access by reading the deployment first."""

    async def add(self, event: TimelineEvent, /) -> None:
        """Add an event."""

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        """Return the events of a deployment in the order in which they were added."""
        ...

    async def list_expired(self, cutoff: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        """Return up to *limit* ended deployments whose last event is older than *cutoff*."""
        ...

    async def list_with_too_many_events(self, limit: int, /) -> Sequence[DeploymentId]:
        """Return active deployments that have more than *limit* events."""
        ...

    async def remove(self, deployment_id: DeploymentId, /, *, keep_newest: int = 0) -> None:
        """Remove all events of a deployment except the *keep_newest* newest ones. Idempotent."""
