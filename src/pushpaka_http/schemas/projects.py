"""Response bodies for projects."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.ids import DeploymentId, ProjectId, UserId
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import ProjectStatus
from pushpaka_http.schemas.conversions import from_attributes

if TYPE_CHECKING:
    from pushpaka_core.services.projects.projects import ProjectOverview


@frozen(kw_only=True, slots=False)
class ProjectResponse:
    """A project with its current status."""

    id: ProjectId
    """Id of the project."""
    owner_id: UserId
    """Id of the owner."""
    name: str
    slug: str
    """Name of the project in its host name, unique on the instance."""
    repo_url: str
    branch: str
    root_dir: str | None
    install_command: str | None
    build_command: str | None
    start_command: str | None
    port: int
    framework: str | None
    health_check: HealthCheck
    health_check_path: str | None
    health_check_timeout: int
    rollback_window: int
    replicas: int
    cpu_limit: float | None
    memory_limit: int | None
    auto_deploy: bool
    has_git_token: bool
    """Whether a Git token is stored. The token is never returned."""
    env_changed: bool
    """Whether the environment variables differ from those of the running release."""
    status: ProjectStatus
    """Current status."""
    url: str | None
    """Production address of the application; null if it has no web process."""
    current_deployment_id: DeploymentId | None
    """Id of the deployment in production; null if there is none."""
    created_at: datetime
    """When the project was created."""
    updated_at: datetime
    """When the project's settings last changed."""
    role: ProjectRole
    """Role of the caller in the project."""
    has_deploy_key: bool
    """Whether the project has a deploy key."""
    has_registry_credentials: bool
    """Whether registry credentials are stored. They are never returned."""

    @classmethod
    def of(cls, overview: "ProjectOverview") -> Self:
        """Return the response for *overview*, with flags in place of the secrets."""
        project = overview.project
        settings = RunSettings.of(project)
        return from_attributes(
            cls,
            project,
            owner_id=project.user_id,
            port=settings.port,
            health_check=settings.health_check,
            health_check_timeout=settings.health_check_timeout,
            rollback_window=settings.rollback_window,
            replicas=settings.replicas,
            has_git_token=project.git_token is not None,
            env_changed=overview.env_changed,
            status=overview.status,
            url=overview.url,
            current_deployment_id=overview.current_deployment_id,
            role=overview.role,
            has_deploy_key=overview.has_deploy_key,
            has_registry_credentials=project.registry_credentials is not None,
        )
