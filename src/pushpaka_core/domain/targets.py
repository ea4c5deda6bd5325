"""Targets: what production, or a preview, of a project serves."""

from datetime import datetime
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import SupersededError


@frozen(kw_only=True)
class Target:
    """What a target of a project serves: the one pointer that a switch moves."""

    project_id: ProjectId
    name: str
    deployment_id: DeploymentId
    sequence: int
    stopped_at: datetime | None = None
    """Set by hand; it stays stopped until a start or a deploy."""
    version: int = field(default=1, eq=False)

    @property
    def is_preview(self) -> bool:
        """Tell whether it is anything but production."""
        return self.name != PRODUCTION

    def point_to(self, deployment: Deployment) -> Self:
        """
        Return it serving *deployment*.

        Raises:
            SupersededError: If it serves a newer one already.
        """
        if deployment.sequence < self.sequence:
            raise SupersededError
        return evolve(
            self, deployment_id=deployment.id, sequence=deployment.sequence, stopped_at=None
        )
