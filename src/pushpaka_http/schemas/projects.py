"""How projects look."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectId, ProjectStatus
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.users import UserId

if TYPE_CHECKING:
    from pushpaka_core.services.projects import ProjectOverview


@frozen(kw_only=True, slots=False)
class ProjectResponse:
    """A project, with what it is right now."""

    id: ProjectId
    user_id: UserId
    name: str
    slug: str
    repo_url: str
    branch: str
    root_dir: str | None
    install_command: str | None
    build_command: str | None
    start_command: str | None
    port: int
    framework: str | None
    health_check_path: str | None
    health_check_timeout: int
    replicas: int
    cpu_limit: float | None
    memory_limit: int | None
    auto_deploy: bool
    has_git_token: bool
    env_changed: bool
    status: ProjectStatus
    url: str
    current_deployment_id: DeploymentId | None
    created_at: datetime
    updated_at: datetime
    role: ProjectRole
    """What you may do with it."""
    has_deploy_key: bool

    @classmethod
    def of(cls, overview: "ProjectOverview") -> Self:
        """Show a project; of its git token only that there is one."""
        project = overview.project
        settings = RunSettings.of(project)
        return cls(
            id=project.id,
            user_id=project.user_id,
            name=project.name,
            slug=project.slug,
            repo_url=project.repo_url,
            branch=project.branch,
            root_dir=project.root_dir,
            install_command=project.install_command,
            build_command=project.build_command,
            start_command=project.start_command,
            port=settings.port,
            framework=project.framework,
            health_check_path=project.health_check_path,
            health_check_timeout=settings.health_check_timeout,
            replicas=settings.replicas,
            cpu_limit=project.cpu_limit,
            memory_limit=project.memory_limit,
            auto_deploy=project.auto_deploy,
            has_git_token=project.git_token is not None,
            env_changed=overview.env_changed,
            status=overview.status,
            url=overview.url,
            current_deployment_id=overview.current_deployment_id,
            created_at=project.created_at,
            updated_at=project.updated_at,
            role=overview.role,
            has_deploy_key=overview.has_deploy_key,
        )
