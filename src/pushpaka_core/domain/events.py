"""What happened: the timeline of a deployment, and the messages that tell watchers of it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import NewType
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.users import UserId

TimelineEventId = NewType("TimelineEventId", UUID)


@frozen(kw_only=True)
class TimelineEvent:
    """One step of a deployment, written in the transaction that made it."""

    id: TimelineEventId
    deployment_id: DeploymentId
    status: DeploymentStatus
    phase: Phase | None
    cause: str
    """A sentence, as in "The old version was replaced"."""
    user_id: UserId | None
    """Who caused it; None is the platform."""
    created_at: datetime


@frozen(kw_only=True)
class LinesWritten:
    """Log lines were committed; they follow each other without a gap. None: storage has them."""

    deployment_id: DeploymentId
    lines: Sequence[LogLine]

    @cached_property
    def size(self) -> int:
        """Return how many characters the lines have."""
        return sum(len(line.message) for line in self.lines)


@frozen(kw_only=True)
class DeploymentMoved:
    """A deployment was committed in another state."""

    deployment: Deployment

    @property
    def deployment_id(self) -> DeploymentId:
        """Return whose state it is."""
        return self.deployment.id


Message = LinesWritten | DeploymentMoved
