"""Plans the volumes of a deployment, for the dry run and for the deployment itself."""

from collections.abc import Sequence

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION, is_database
from pushpaka_core.domain.volumes.declarations import (
    PlannedVolume,
    plan_volumes,
    planning_problem,
)
from pushpaka_core.errors import ConflictError, VolumeMountError
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.services.volumes.usage import attached_volumes, require_database


async def plan_mounts(
    uow: UnitOfWork,
    project: Project,
    target: str,
    plan: BuildPlan,
    packaging: Packaging,
) -> Sequence[PlannedVolume]:
    """
    Return the volumes that a deployment of *target* mounts.

    Raises:
        VolumeMountError: If paths overlap, a path cannot be used on this runtime or would hide
            files that the app needs, a volume for one instance has several replicas, production
            would get a new volume in place of a detached one, or a database was detached.
    """
    if is_database(target):
        return [await _plan_database(uow, project, target)]
    planned = plan_volumes(
        await attached_volumes(uow, project.id, PRODUCTION),
        plan.settings.volumes,
        is_preview=target != PRODUCTION,
    )
    if problem := planning_problem(
        planned,
        in_container=packaging is Packaging.IMAGE,
        replicas=RunSettings.of(project, plan.settings).replicas,
        required_paths=plan.required_paths,
    ):
        raise VolumeMountError(problem)
    if target == PRODUCTION:
        await _require_none_detached(uow, project, planned)
    return planned


async def _plan_database(uow: UnitOfWork, project: Project, target: str) -> PlannedVolume:
    try:
        return PlannedVolume.of_volume(await require_database(uow, project.id, target))
    except ConflictError as error:
        raise VolumeMountError(str(error)) from None


async def _require_none_detached(
    uow: UnitOfWork, project: Project, planned_volumes: Sequence[PlannedVolume]
) -> None:
    """Raise VolumeMountError if a planned volume has the name of an existing detached volume."""
    found = await uow.volumes.visible_to(PLATFORM).of_project(project.id)
    kept = [one for one in found if one.target == PRODUCTION and one.purging_since is None]
    detached = {one.name for one in kept} - {one.name for one in kept if one.is_attached}
    for planned in planned_volumes:
        if planned.name in detached:
            raise VolumeMountError(
                f'The volume "{planned.name}" is detached, and the app would start with an empty '
                "one. Attach the volume again, remove it from pushpaka.toml, or purge it if its "
                "files are no longer needed."
            )
