"""Targets: production and the previews of a project, and the status of a project."""

from datetime import datetime
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.projects import ProjectStatus
from pushpaka_core.domain.projects.target_names import is_preview
from pushpaka_core.errors import SupersededError


@frozen(kw_only=True)
class Target:
    """A target of a project. A cutover changes the deployment that the target points to."""

    project_id: ProjectId
    name: str
    """"production", "preview:<branch>" or "database:<name>"."""
    deployment_id: DeploymentId
    """The active deployment."""
    sequence: int
    """
    The highest sequence of any deployment that has been active. Older deployments cannot go live.
    """
    has_web: bool = True
    """Whether the active deployment has a web process or static files, and therefore an address."""
    stopped_at: datetime | None = None
    """
    When a user stopped the target, or None. It stays stopped until the next start or deployment.
    """
    takeover_id: DeploymentId | None = None
    """
    The deployment that stops the running instances to become the only writer of a volume, or None.

    Until this deployment is active or has ended, no other deployment's instances are started.
    """
    held_until: datetime | None = None
    """
    The time until which the router holds requests because the only instance that can write to the
    volumes is down. None if requests are not held.
    """
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""

    @property
    def is_preview(self) -> bool:
        """Return True if the target is a preview."""
        return is_preview(self.name)

    def point_to(self, deployment: Deployment) -> Self:
        """
        Return a copy of the target with *deployment* as its active deployment.

        Raises:
            SupersededError: If a newer deployment is active.
        """
        if deployment.sequence < self.sequence:
            raise SupersededError
        return evolve(
            self,
            deployment_id=deployment.id,
            sequence=deployment.sequence,
            has_web=deployment.has_web,
            stopped_at=None,
            takeover_id=None,
            held_until=None,
        )

    def return_to(self, deployment: Deployment) -> Self:
        """
        Return a copy of the target with *deployment* as its active deployment again, after a
        rollback.

        The sequence of the newer deployment is kept, so that no older deployment can go live.
        """
        return evolve(self, deployment_id=deployment.id, has_web=deployment.has_web)

    def stop(self, *, now: datetime) -> Self:
        """Return a copy of the target that a user has stopped."""
        return evolve(self, stopped_at=now, takeover_id=None, held_until=None)

    def begin_takeover(self, deployment: Deployment, *, hold_deadline: datetime) -> Self:
        """
        Return a copy of the target that *deployment* is taking over, with its requests on hold.

        A hold is never extended. The requests of a stopped target are not held.

        Raises:
            SupersededError: If *deployment* is in progress, and a newer one is active.
        """
        if deployment.is_in_progress:
            self.point_to(deployment)
        taken = evolve(self, takeover_id=deployment.id)
        return taken if self.stopped_at else taken.hold(deadline=hold_deadline)

    def end_takeover(self) -> Self:
        """
        Return a copy of the target without a takeover. The active deployment receives the held
        requests.
        """
        return evolve(self, takeover_id=None)

    def hold(self, *, deadline: datetime) -> Self:
        """Return a copy of the target with its requests on hold. A hold is never extended."""
        return evolve(self, held_until=self.held_until or deadline)

    def release(self) -> Self:
        """Return a copy of the target without a hold, unless a takeover is in progress."""
        return self if self.takeover_id else evolve(self, held_until=None)


def project_status(
    *,
    active_status: DeploymentStatus | None,
    newest_status: DeploymentStatus | None,
    is_under_way: bool,
) -> ProjectStatus:
    """
    Return the status of a project.

    Args:
        active_status: The status of production's active deployment, or None if there never was one.
        newest_status: The status of the newest production deployment, or None if there is none.
        is_under_way: Whether a production deployment is queued or in progress.
    """
    match active_status, newest_status:
        case DeploymentStatus.RUNNING, _:
            return ProjectStatus.ACTIVE
        case _ if is_under_way:
            return ProjectStatus.BUILDING
        case DeploymentStatus.CRASHED, _:
            return ProjectStatus.CRASHED
        case DeploymentStatus(), _:
            return ProjectStatus.STOPPED
        case _, DeploymentStatus.FAILED:
            return ProjectStatus.FAILED
        case _:
            return ProjectStatus.INACTIVE
