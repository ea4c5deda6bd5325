"""Releases: what a deployment built, kept so that it can be served again without a build."""

from datetime import datetime

from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.deployments import DeploymentId, ReleaseId
from pushpaka_core.domain.projects import ProjectId


@frozen(kw_only=True)
class Release:
    """An immutable artifact with the plan it was built by."""

    id: ReleaseId
    project_id: ProjectId
    deployment_id: DeploymentId
    """The deployment that built it."""
    plan: BuildPlan
    artifact: str
    """The builder's own name for it: an image id, or a directory's name."""
    digest: str
    """A hash over its content, to see whether it was tampered with."""
    commit_sha: str
    created_at: datetime
    removed_at: datetime | None = None
    """Set once retention took the artifact away."""
    version: int = field(default=1, eq=False)
