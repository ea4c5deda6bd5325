"""Scales web processes: users request a number of replicas, and the reconciler applies it."""

from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, SERVING
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import WEB_PROCESS_TYPE, Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.declarations import single_writer_problem
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.errors import ConflictError, StaleEntityError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_entity
from pushpaka_core.services.deployments.active_deployments import ActiveDeployment
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.routing.routes import RoutePublisher
from pushpaka_core.services.volumes.usage import attached_volumes


async def scale(
    uow: UnitOfWork, deployment_transitions: DeploymentTransitions, actor: Actor, project: Project
) -> Sequence[Deployment]:
    """
    Store the number of replicas of *project* in its active deployments and those in progress.

    Previews whose volumes allow only one instance keep one instance. Otherwise a branch could
    prevent the project from being scaled.

    Args:
        uow: The transaction to write in.
        deployment_transitions: Stores the changes.
        actor: The user who requested the change.
        project: The project with its new number of replicas.

    Returns:
        The changed deployments. The caller publishes them.

    Raises:
        ConflictError: If there are several replicas, but a volume of production allows only one.
    """
    scaled: list[Deployment] = []
    await _require_shared_volumes(uow, project)
    for deployment in [
        *await _active_deployments(uow, actor, project),
        *await _deployments_in_progress(uow, project),
    ]:
        release = await uow.releases.of_deployment(deployment)
        if release is None or deployment.run_settings is None:
            continue
        replicas = RunSettings.of(project, release.plan.settings).replicas
        if replicas > 1 and deployment.target == PRODUCTION:
            _require_shared_mounts(deployment.run_settings)
        changed = deployment.scale(replicas)
        if changed != deployment:
            cause = f"Scaled from {deployment.run_settings.replicas} to {replicas} replicas"
            scaled.append(await deployment_transitions.store(uow, changed, cause, actor))
    return scaled


async def _require_shared_volumes(uow: UnitOfWork, project: Project) -> None:
    """Raise ConflictError if *project* has several replicas, and a volume that allows only one."""
    if project.replicas is None or project.replicas == 1:
        return
    for volume in await attached_volumes(uow, project.id, PRODUCTION):
        if volume.access is VolumeAccess.ONE:
            raise ConflictError(single_writer_problem(volume.name, project.replicas))


def _require_shared_mounts(settings: RunSettings) -> None:
    """
    Raise ConflictError if the *settings* of a running deployment mount a volume that allows only
    one instance. They may differ from the current settings of the volume.
    """
    for mount in settings.volumes:
        if mount.access is VolumeAccess.ONE:
            raise ConflictError(
                f'The current deployment still uses the volume "{mount.name}" with the access '
                '"one". Deploy again, so that its current settings apply, and then change the '
                "replicas."
            )


async def _active_deployments(
    uow: UnitOfWork, actor: Actor, project: Project
) -> Sequence[Deployment]:
    found = [
        await get_entity(uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER)
        for target in await uow.targets.of_projects([project])
    ]
    return [each for each in found if each.status in SERVING and each.drain_until is None]


async def _deployments_in_progress(uow: UnitOfWork, project: Project) -> Sequence[Deployment]:
    return await uow.deployments.of_projects([project], QUEUED_OR_IN_PROGRESS)


@frozen
class InstanceScaler:
    """
    Adds the rows of missing web instances, and retires surplus ones.

    The instance supervisor starts the added instances in the same way as crashed ones.
    """

    _storage: Storage
    _job_loader: JobLoader
    _rows: InstanceRows
    _route_publisher: RoutePublisher
    _timeouts: Timeouts
    _now: Clock

    async def adjust(self, active: ActiveDeployment) -> None:
        """
        Bring the web instances of a deployment one step closer to the requested number.

        If the deployment has no instances, rows for all of them are added: they were stopped for a
        takeover that has failed, or for a restart.
        """
        replicas = active.settings.replicas
        web = [
            instance
            for instance in active.supervised_instances
            if instance.process_type == WEB_PROCESS_TYPE
        ]
        missing = sorted(set(range(replicas)) - {instance.index for instance in web})
        surplus = [instance for instance in web if instance.index >= replicas]
        if active.deployment.status not in SERVING:
            return
        with suppress(StaleEntityError):  # Changed meanwhile: the next round continues.
            if not active.instances:
                await self.return_all(active)
            elif missing and web:
                job = await self._job_loader.load_for_deployment(active.deployment)
                await self._rows.reserve_web_instances(job, missing)
            if surplus:
                await self._retire(surplus)

    async def return_all(self, active: ActiveDeployment) -> None:
        """
        Add the rows of all instances of a deployment that has none, and end the takeover that
        stopped them.

        Raises:
            PlatformFaultError: If there are not enough free ports.
            StaleEntityError: If the deployment was changed, or another one is taking over.
        """
        job = await self._job_loader.load_for_deployment(active.deployment)
        await self._rows.reserve_return(job)

    async def _retire(self, surplus_instances: Sequence[Instance]) -> None:
        stop_at = self._now() + self._timeouts.drain_time
        async with self._storage.transaction() as uow:
            for instance in surplus_instances:
                await uow.instances.update(instance.retire(stop_at=stop_at))
        await self._route_publisher.publish()
