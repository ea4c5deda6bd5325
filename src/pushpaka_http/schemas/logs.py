"""Response bodies for log lines."""

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogLevel, LogLine, LogStream


@frozen(kw_only=True, slots=False)
class DeploymentLogResponse:
    """A line of a deployment's log."""

    id: UUID
    """Id of the line."""
    deployment_id: DeploymentId
    """Id of the deployment."""
    seq: int
    """Number of the line within its deployment, counted from 1 without gaps."""
    level: LogLevel
    """Severity."""
    stream: LogStream
    """Where the line comes from."""
    phase: Phase
    """Phase of the deployment in which the line was written."""
    message: str
    """
    Text of the line, without control characters and secrets.

    Longer lines are split after 16,384 characters.
    """
    created_at: datetime
    """When the line was written."""

    @classmethod
    def of(cls, line: LogLine) -> Self:
        """Return the response for *line*."""
        # Field by field: a log has many lines, and `from_attributes` takes over twice as long.
        return cls(
            id=line.id,
            deployment_id=line.deployment_id,
            seq=line.seq,
            level=line.level,
            stream=line.stream,
            phase=line.phase,
            message=line.message,
            created_at=line.created_at,
        )
