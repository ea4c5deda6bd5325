"""Releases, which can be activated again without a build, and the rollback window."""

from datetime import datetime, timedelta
from typing import Self

from attrs import field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId, ProjectId, ReleaseId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan


@frozen(kw_only=True)
class Release:
    """An immutable artifact, and the plan that it was built with."""

    id: ReleaseId
    project_id: ProjectId
    deployment_id: DeploymentId
    """The deployment that built the release."""
    plan: BuildPlan
    artifact: str
    """The name that the builder and the runtime use to find the artifact."""
    digest: str
    """A hash of the artifact's content, to detect modifications."""
    commit_sha: str
    created_at: datetime
    removed_at: datetime | None = None
    """When retention removed the artifact, or None."""
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""


@frozen(kw_only=True)
class RollbackWindow:
    """The rollback window of a deployment."""

    remaining: timedelta
    """
    The remaining time. Zero if the window is over or disabled. A crash or a failed probe extends
    the window.
    """
    previous_deployment_id: DeploymentId | None
    """The deployment that takes over if this one breaks, or that has already taken over."""

    @classmethod
    def of(cls, deployment: Deployment, *, now: datetime) -> Self:
        """Return the rollback window of *deployment* at the time *now*."""
        left = timedelta(0)
        if deployment.watch_until is not None and deployment.is_in_rollback_window(now=now):
            left = deployment.watch_until - now
        counts = bool(left) or deployment.is_rolled_back
        return cls(remaining=left, previous_deployment_id=deployment.replaces if counts else None)
