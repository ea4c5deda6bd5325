"""The part of the storage that keeps what deployments said and did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.events import TimelineEvent
from pushpaka_core.domain.logs import LogEntry, LogFilter, LogLine


class Logs(Protocol):
    """What deployments said; who has seen a deployment may read it."""

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        """
        Number the entries, keep them and return them.

        Raises:
            LeaseLostError: If a *fence* is given, and has moved on or the deployment is
                not in work any more; nothing is written then.
        """
        ...

    async def lines(self, deployment: Deployment, wanted: LogFilter, /) -> Sequence[LogLine]:
        """Return lines in the order of their numbers."""
        ...

    async def excess(self, deployment_id: DeploymentId, /, *, most_characters: int) -> int:
        """
        Return the `seq` up to which lines have to go for the others to fit, or 0.

        A line counts with the characters of its message and one more.
        """
        ...

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        """
        Remove the oldest lines, up to a `seq` and so many at most, and return how many.

        The lines after them keep their numbers. Harmless to repeat.
        """
        ...


class Timeline(Protocol):
    """The steps of deployments; who has seen a deployment may read them."""

    async def add(self, event: TimelineEvent, /) -> None:
        """Keep a step."""

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        """Return the steps of one deployment in the order in which they were added."""
        ...

    async def bygone(self, before: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        """Return deployments that are final and whose last step was taken before a time."""
        ...

    async def overlong(self, most: int, /) -> Sequence[DeploymentId]:
        """Return deployments that serve and have more than so many steps."""
        ...

    async def remove(self, deployment_id: DeploymentId, /, *, but_newest: int = 0) -> None:
        """Remove the steps of one deployment, but for so many. Harmless to repeat."""
