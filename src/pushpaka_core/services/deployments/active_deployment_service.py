"""Restarts, stops and starts active deployments."""

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.artifacts import ArtifactLookup
from pushpaka_core.services.deployments.cancellation import Cancellation
from pushpaka_core.services.deployments.idempotency import DeploymentRequest
from pushpaka_core.services.deployments.queueing import DeploymentEnqueuer
from pushpaka_core.services.deployments.transitions import DeploymentTransitions


@frozen(kw_only=True)
class ActiveDeploymentService:
    """Stores requests to restart, stop or start deployments. The reconciler carries them out."""

    _storage: Storage
    _events: EventBus
    _enqueuer: DeploymentEnqueuer
    _cancellation: Cancellation
    _artifact_lookup: ArtifactLookup
    _audit_log: AuditLog
    _transitions: DeploymentTransitions
    _now: Clock

    async def restart(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Request new instances for deployment *id*. They replace the old ones without downtime.

        Raises:
            NotFoundError: If *actor* cannot view the deployment.
            ConflictError: If the deployment is not running, or is being replaced or stopped.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await get_entity(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            kept = await self._transitions.store(
                uow, deployment.restart(), "A restart was requested", actor
            )
            await self._audit_log.record(uow, actor, "deployment.restart_asked", id, kept.slug)
        await self._events.publish(DeploymentChanged(deployment=kept))
        return kept

    async def stop(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Request a stop of deployment *id*. Its target stays down until it is started or deployed
        again.

        Queued deployments of the target are superseded. Deployments in progress are canceled,
        unless their cutover has begun.

        Raises:
            NotFoundError: If *actor* cannot view the deployment.
            ConflictError: If the deployment is not running, or is not the active deployment of its
                target.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await get_entity(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            deployment.require_serving("stopped")
            target = await self._require_active_target(uow, deployment)
            await uow.targets.put(target.stop(now=self._now()))
            project = await get_project(uow, actor, deployment.project_id, ProjectRole.MEMBER)
            place, cause = (project, deployment.target), "A stop was requested"
            ending = [
                *await self._cancellation.supersede_queued(uow, actor, *place, cause),
                *await self._cancellation.cancel_in_progress(uow, actor, *place, cause),
            ]
            kept = await self._transitions.store(
                uow, deployment.drain(deadline=self._now()), cause, actor
            )
            await self._audit_log.record(uow, actor, "deployment.stop_asked", id, kept.slug)
        await self._enqueuer.publish([kept, *ending])
        return kept

    async def start(
        self, actor: Actor, id: ProjectId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment that serves the stopped release of production again.

        The new deployment gets the current environment variables.

        Args:
            actor: The caller.
            id: The project.
            idempotency_key: Makes a repeated call return the first deployment.

        Raises:
            NotFoundError: If *actor* cannot view the project.
            ConflictError: If production is not stopped, its release was removed, or
                *idempotency_key* was used for a different request.
            TooManyRequestsError: If the user has too many queued deployments.
        """
        request = DeploymentRequest.of(actor, idempotency_key, "start", id)
        is_there = await self._has_artifact(actor, id)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.MEMBER)
            sequence = await uow.projects.next_sequence(project)
            if earlier := await self._enqueuer.find_earlier_deployment(uow, request):
                return earlier
            source = await _require_stopped(uow, actor, project)
            moved = await self._enqueuer.queue_again(
                uow,
                actor,
                request,
                source,
                project,
                kind=DeploymentKind.REDEPLOY,
                sequence=sequence,
                has_artifact=is_there,
            )
        await self._enqueuer.publish(moved)
        return moved[0]

    async def _has_artifact(self, actor: Actor, id: ProjectId) -> bool:
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, id, ProjectRole.MEMBER)
            target = await uow.targets.find(project, PRODUCTION)
        return target is not None and await self._artifact_lookup.exists(
            actor, target.deployment_id
        )

    async def _require_active_target(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        target = await uow.targets.of_deployment(deployment)
        if target is None or target.deployment_id != deployment.id:
            raise ConflictError("Another deployment has replaced this one. Stop the active one.")
        return target


async def _require_stopped(uow: UnitOfWork, actor: Actor, project: Project) -> Deployment:
    target = await uow.targets.find(project, PRODUCTION)
    if target is None or target.stopped_at is None:
        raise ConflictError(
            "The project is not stopped. Deploy it, or restart its active deployment."
        )
    return await get_entity(uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER)
