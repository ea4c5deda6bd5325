"""How deployments and their timelines look."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Self

from attrs import frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, DeploymentKind
from pushpaka_core.domain.events import TimelineEvent, TimelineEventId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId


@frozen(kw_only=True, slots=False)
class DeploymentResponse:
    """One attempt to turn a commit into something that runs."""

    id: DeploymentId
    project_id: ProjectId
    user_id: UserId
    target: str
    kind: DeploymentKind
    source_deployment_id: DeploymentId | None
    sequence: int
    branch: str
    commit_sha: str | None
    commit_message: str | None
    commit_author: str | None
    status: DeploymentStatus
    phase: Phase | None
    framework: str | None
    image: str | None
    url: str | None
    """Where this very deployment answers; null once nothing of it will run any more."""
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    stopped_at: datetime | None
    duration_ms: int | None

    @classmethod
    def of(cls, deployment: Deployment, addresses: Addresses) -> Self:
        """Show *deployment*, with its own address among *addresses*."""
        return cls(
            id=deployment.id,
            project_id=deployment.project_id,
            user_id=deployment.user_id,
            target=deployment.target,
            kind=deployment.kind,
            source_deployment_id=deployment.source_deployment_id,
            sequence=deployment.sequence,
            branch=deployment.branch,
            commit_sha=deployment.commit_sha,
            commit_message=deployment.commit_message,
            commit_author=deployment.commit_author,
            status=deployment.status,
            phase=deployment.phase,
            framework=deployment.framework,
            image=deployment.image,
            url=_url(deployment, addresses),
            error=deployment.error,
            created_at=deployment.created_at,
            started_at=deployment.started_at,
            finished_at=deployment.finished_at,
            stopped_at=deployment.stopped_at,
            duration_ms=_milliseconds(deployment.duration),
        )


@frozen(kw_only=True, slots=False)
class TimelineEventResponse:
    """One step of a deployment: when, what, for how long, why and by whom."""

    id: TimelineEventId
    deployment_id: DeploymentId
    status: DeploymentStatus
    phase: Phase | None
    cause: str
    user_id: UserId | None
    created_at: datetime
    duration_ms: int | None
    """Until the next step; null while there is none."""

    @classmethod
    def all_of(cls, events: Sequence[TimelineEvent]) -> list[Self]:
        """Show the steps of one deployment, in their order."""
        lasted = [after.created_at - before.created_at for before, after in pairwise(events)]
        return [
            cls(
                id=event.id,
                deployment_id=event.deployment_id,
                status=event.status,
                phase=event.phase,
                cause=event.cause,
                user_id=event.user_id,
                created_at=event.created_at,
                duration_ms=_milliseconds(duration),
            )
            for event, duration in zip(events, [*lasted, None], strict=False)
        ]


def _url(deployment: Deployment, addresses: Addresses) -> str | None:
    if deployment.is_final:
        return None
    return addresses.url(addresses.deployment_host(deployment))


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(milliseconds=1)
