"""How projects stand: what is derived from their deployments and env vars, for many at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import SERVING, UNDER_WAY, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, DeploymentId
from pushpaka_core.domain.env_vars import EnvVar, effective, versions_of
from pushpaka_core.domain.project_status import project_status
from pushpaka_core.domain.projects import Project, ProjectId, ProjectStatus
from pushpaka_core.domain.targets import Target
from pushpaka_core.ports.storage import UnitOfWork


@frozen(kw_only=True)
class Standing:
    """How one project stands."""

    status: ProjectStatus
    current_deployment_id: DeploymentId | None
    """What production serves, or served until it was stopped."""
    env_changed: bool
    """Whether the env vars are others than those that production runs with."""


async def read_standings(
    uow: UnitOfWork, actor: Actor, projects: Collection[Project]
) -> Mapping[ProjectId, Standing]:
    """Return how each of the projects stands, by as many queries as for one."""
    targets = [t for t in await uow.targets.of_projects(projects) if t.name == PRODUCTION]
    current = {t.project_id: t.deployment_id for t in targets}
    active = await uow.deployments.of_projects(projects, SERVING | UNDER_WAY, target=PRODUCTION)
    statuses = {d.id: d.status for d in active}
    under_way = {d.project_id for d in active if d.status in UNDER_WAY}
    newest = {d.project_id: d.status for d in await uow.deployments.latest(projects, PRODUCTION)}
    changed = await _with_changed_env(uow, actor, targets)
    return {
        project_id: Standing(
            status=project_status(
                current=_status_of(current.get(project_id), statuses),
                newest=newest.get(project_id),
                is_under_way=project_id in under_way,
            ),
            current_deployment_id=current.get(project_id),
            env_changed=project_id in changed,
        )
        for project_id in (project.id for project in projects)
    }


def _status_of(
    id: DeploymentId | None, active: Mapping[DeploymentId, DeploymentStatus]
) -> DeploymentStatus | None:
    """Return the status of what a target points at: from there it can only end as stopped."""
    return active.get(id, DeploymentStatus.STOPPED) if id is not None else None


async def _with_changed_env(
    uow: UnitOfWork, actor: Actor, targets: Collection[Target]
) -> set[ProjectId]:
    frozen_ones = await uow.env_vars.served_environments(targets)
    versions = {e.deployment_id: dict(e.versions) for e in frozen_ones}
    project_ids = [target.project_id for target in targets]
    today: dict[ProjectId, list[EnvVar]] = defaultdict(list)
    for env_var in await uow.env_vars.visible_to(actor).of_projects(project_ids):
        today[env_var.project_id].append(env_var)
    return {
        t.project_id
        for t in targets
        if versions.get(t.deployment_id, {})
        != versions_of(effective(today[t.project_id], PRODUCTION))
    }
