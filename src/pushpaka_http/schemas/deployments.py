"""Response bodies for deployments and their timelines."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Self

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind
from pushpaka_core.domain.deployments.releases import RollbackWindow
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId, ProjectId, TimelineEventId, UserId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_http.schemas.conversions import from_attributes, milliseconds


@frozen(kw_only=True, slots=False)
class DeploymentResponse:
    """A deployment of a commit, an archive or an image."""

    id: DeploymentId
    """Id of the deployment."""
    project_id: ProjectId
    """Id of the project."""
    user_id: UserId
    """Id of the user who created the deployment."""
    target: str
    """"production", or "preview:<branch>"."""
    kind: DeploymentKind
    """How the deployment was created."""
    source_deployment_id: DeploymentId | None
    """Id of the deployment whose build this deployment reuses; null if it has its own build."""
    sequence: int
    """Number of the deployment within its project, counted from 1."""
    branch: str
    """Branch that is deployed."""
    commit_sha: str | None
    """
    Commit that is deployed, as hex digits; null before the source is fetched, and for an archive or
    an image.
    """
    commit_message: str | None
    """Commit message; null before the source is fetched."""
    commit_author: str | None
    """Author of the commit; null before the source is fetched."""
    status: DeploymentStatus
    """Current status."""
    phase: Phase | None
    """Current or last phase; null while the deployment is queued and after it was stopped."""
    framework: str | None
    """Name of the detected framework; null before detection."""
    image: str | None
    """
    Container image of the deployment; null before the build and for the process runtime.

    For a project that deploys images, the image to pull, with its digest once it is known.
    """
    url: str | None
    """
    Address of this deployment itself, whether live or not; null once its status is final, and if it
    has no web process.
    """
    error: str | None
    """Why the deployment failed or crashed; null if it did not."""
    created_at: datetime
    """When the deployment was queued."""
    started_at: datetime | None
    """When a worker first claimed the deployment; null before that."""
    finished_at: datetime | None
    """When the deployment first ran, or when it ended without running; null before that."""
    stopped_at: datetime | None
    """When the deployment was stopped after it had run; null before that."""
    duration_ms: int | None
    """Time from `started_at` to `finished_at` in milliseconds; null if one of them is null."""

    @classmethod
    def of(cls, deployment: Deployment, public_urls: PublicUrls) -> Self:
        """Return the response for *deployment*; *public_urls* builds its URL."""
        duration = deployment.duration
        return from_attributes(
            cls,
            deployment,
            url=_url(deployment, public_urls),
            duration_ms=None if duration is None else milliseconds(duration),
        )


@frozen(kw_only=True, slots=False)
class TimelineEventResponse:
    """A status or phase change in the timeline of a deployment."""

    id: TimelineEventId
    """Id of the event."""
    deployment_id: DeploymentId
    """Id of the deployment."""
    status: DeploymentStatus
    """Status after the change."""
    phase: Phase | None
    """Phase after the change; null if the deployment has none."""
    cause: str
    """Why the status or phase changed, in a sentence."""
    user_id: UserId | None
    """Id of the user who caused the change; null for the platform."""
    created_at: datetime
    """When the status or phase changed."""
    duration_ms: int | None
    """Time until the next change in milliseconds; null for the last one."""

    @classmethod
    def all_of(cls, events: Sequence[TimelineEvent]) -> list[Self]:
        """Return the responses for the timeline of one deployment, which is in order."""
        durations = [
            milliseconds(after.created_at - before.created_at) for before, after in pairwise(events)
        ]
        return [
            from_attributes(cls, event, duration_ms=duration)
            for event, duration in zip(events, [*durations, None], strict=False)
        ]


@frozen(kw_only=True, slots=False)
class RollbackWindowResponse:
    """The time after a cutover in which a failing deployment is rolled back automatically."""

    is_open: bool
    """Whether a failure would roll the deployment back now."""
    seconds_left: float
    """
    Time in seconds until the window closes; 0 if it is closed.

    The time can increase because the first sign of trouble extends the window.
    """
    previous_deployment_id: DeploymentId | None
    """Id of the deployment to which a rollback switches or has switched; null if there is none."""

    @classmethod
    def of(cls, window: RollbackWindow) -> Self:
        """Return the response for *window*."""
        return cls(
            is_open=bool(window.remaining),
            seconds_left=window.remaining.total_seconds(),
            previous_deployment_id=window.previous_deployment_id,
        )


def _url(deployment: Deployment, public_urls: PublicUrls) -> str | None:
    if deployment.is_final or not deployment.has_web:
        return None
    return public_urls.url(public_urls.deployment_host(deployment))
