"""What serves: restarted, stopped and started by its owner."""

from attrs import evolve, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.targets import Target
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.queueing import Queueing


@frozen(kw_only=True)
class ServingService:
    """Notes what is wanted of deployments that run; the reconciler makes it so."""

    _storage: Storage
    _events: EventBus
    _deployments: DeploymentService
    _queueing: Queueing
    _journal: Journal
    _moves: Moves
    _now: Clock

    async def restart(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Have new instances of *id* take the place of those that it has, started before those stop.

        Raises:
            ConflictError: If it does not run.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await uow.deployments.visible_to(actor).get(id)
            kept = await self._moves.keep(
                uow, deployment.restart(), "A restart was asked for", actor
            )
            await self._journal.note(uow, actor, "deployment.restart_asked", id, kept.slug)
        await self._events.publish(DeploymentMoved(deployment=kept))
        return kept

    async def stop(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Have *id* stop, and nothing serve its target until a start or a deploy.

        What waits or is in work for the target ends as well, as far as it is not committed.

        Raises:
            ConflictError: If it does not run, or is not what its target serves.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await uow.deployments.visible_to(actor).get(id)
            deployment.require_serving("stopped")
            target = await self._target_of(uow, deployment)
            await uow.targets.put(evolve(target, stopped_at=self._now()))
            place, cause = (deployment.project_id, deployment.target), "A stop was asked for"
            ending = [
                *await self._queueing.supersede_waiting(uow, actor, *place, cause),
                *await self._queueing.end_work(uow, actor, *place, cause),
            ]
            kept = await self._moves.keep(uow, deployment.drain(until=self._now()), cause, actor)
            await self._journal.note(uow, actor, "deployment.stop_asked", id, kept.slug)
        await self._queueing.tell([kept, *ending])
        return kept

    async def start(self, actor: Actor, id: ProjectId) -> Deployment:
        """
        Queue a deployment that serves again what production of *id* served until it was stopped.

        Raises:
            ConflictError: If it is not stopped, or its release is gone.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(actor).get(id)
            target = await uow.targets.find(project.id, PRODUCTION)
        if target is None or target.stopped_at is None:
            raise ConflictError("The project is not stopped. Deploy it, or restart what runs.")
        return await self._deployments.redeploy(actor, target.deployment_id)

    async def _target_of(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        target = await uow.targets.find(deployment.project_id, deployment.target)
        if target is None or target.deployment_id != deployment.id:
            raise ConflictError("It cannot be stopped: another deployment takes its place.")
        return target
