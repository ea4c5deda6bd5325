"""Summaries of projects, derived from their deployments and environment variables."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.state_machine import (
    QUEUED_OR_IN_PROGRESS,
    SERVING,
    DeploymentStatus,
)
from pushpaka_core.domain.deployments.targets import Target, project_status
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.env_vars import EnvVar, effective_env_vars, versions_of
from pushpaka_core.domain.projects.projects import Project, ProjectStatus
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.ports.storage.storage import UnitOfWork


@frozen(kw_only=True)
class ProjectSummary:
    """The state of production of one project."""

    status: ProjectStatus
    """The state of production."""
    current_deployment_id: DeploymentId | None
    """The active deployment of production, even while production is stopped."""
    has_web: bool
    """Whether production has a web process or static files. True before the first deployment."""
    env_changed: bool
    """Whether the current environment variables differ from those that production runs with."""


async def read_project_summaries(
    uow: UnitOfWork, actor: Actor, projects: Collection[Project]
) -> Mapping[ProjectId, ProjectSummary]:
    """Return the summary of each project, in a fixed number of queries."""
    targets = [t for t in await uow.targets.of_projects(projects) if t.name == PRODUCTION]
    current = {t.project_id: t.deployment_id for t in targets}
    without_web = {t.project_id for t in targets if not t.has_web}
    active = await uow.deployments.of_projects(
        projects, SERVING | QUEUED_OR_IN_PROGRESS, target=PRODUCTION
    )
    statuses = {d.id: d.status for d in active}
    under_way = {d.project_id for d in active if d.status in QUEUED_OR_IN_PROGRESS}
    newest = {
        d.project_id: d.status for d in await uow.deployments.list_latest(projects, PRODUCTION)
    }
    changed = await _with_changed_env(uow, actor, targets)
    return {
        project_id: ProjectSummary(
            status=project_status(
                active_status=_target_status(current.get(project_id), statuses),
                newest_status=newest.get(project_id),
                is_under_way=project_id in under_way,
            ),
            current_deployment_id=current.get(project_id),
            has_web=project_id not in without_web,
            env_changed=project_id in changed,
        )
        for project_id in (project.id for project in projects)
    }


def _target_status(
    id: DeploymentId | None, statuses: Mapping[DeploymentId, DeploymentStatus]
) -> DeploymentStatus | None:
    """
    Return the status of the active deployment *id* of a target, or None if *id* is None.

    A deployment that is missing in *statuses* was stopped.
    """
    return statuses.get(id, DeploymentStatus.STOPPED) if id is not None else None


async def _with_changed_env(
    uow: UnitOfWork, actor: Actor, targets: Collection[Target]
) -> set[ProjectId]:
    frozen_ones = await uow.env_vars.active_environments(targets)
    versions = {e.deployment_id: dict(e.versions) for e in frozen_ones}
    project_ids = [target.project_id for target in targets]
    today: dict[ProjectId, list[EnvVar]] = defaultdict(list)
    for env_var in await uow.env_vars.visible_to(actor).of_projects(project_ids):
        today[env_var.project_id].append(env_var)
    return {
        t.project_id
        for t in targets
        if versions.get(t.deployment_id, {})
        != versions_of(effective_env_vars(today[t.project_id], PRODUCTION))
    }
