"""How log lines look."""

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogLevel, LogLine, LogStream


@frozen(kw_only=True, slots=False)
class DeploymentLogResponse:
    """A line of a deployment's log."""

    id: UUID
    deployment_id: DeploymentId
    seq: int
    level: LogLevel
    stream: LogStream
    phase: Phase
    message: str
    created_at: datetime

    @classmethod
    def of(cls, line: LogLine) -> Self:
        """Show *line*."""
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
