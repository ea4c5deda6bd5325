"""Events: the timeline of a deployment, and the messages of the event bus."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId, TimelineEventId, UserId
from pushpaka_core.domain.logs.logs import LogLine


@frozen(kw_only=True)
class TimelineEvent:
    """A status or phase change of a deployment, stored in the transaction of the change."""

    id: TimelineEventId
    deployment_id: DeploymentId
    status: DeploymentStatus
    phase: Phase | None
    cause: str
    """A sentence, for example "The old version was replaced"."""
    user_id: UserId | None
    """The user who caused the event, or None for the platform."""
    created_at: datetime


@frozen(kw_only=True)
class LogLinesAppended:
    """Log lines that were committed, with consecutive numbers."""

    deployment_id: DeploymentId
    lines: Sequence[LogLine]
    """The lines, or empty if subscribers have to read them from storage."""

    @cached_property
    def size(self) -> int:
        """Return the total number of characters of the lines."""
        return sum(len(line.message) for line in self.lines)


@frozen(kw_only=True)
class DeploymentChanged:
    """A change of a deployment that was committed."""

    deployment: Deployment

    @property
    def deployment_id(self) -> DeploymentId:
        """Return the id of the deployment."""
        return self.deployment.id


Message = LogLinesAppended | DeploymentChanged
