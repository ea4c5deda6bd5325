"""What serves: restarted, stopped and started by its owner."""

from attrs import evolve, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentKind,
)
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.targets import Target
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.artifacts import Artifacts
from pushpaka_core.services.ending import Ending
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.queueing import Queueing, require_release
from pushpaka_core.services.requests import DeploymentRequest
from pushpaka_core.services.roles import part_for, project_for


@frozen(kw_only=True)
class ServingService:
    """Notes what is wanted of deployments that run; the reconciler makes it so."""

    _storage: Storage
    _events: EventBus
    _queueing: Queueing
    _ending: Ending
    _artifacts: Artifacts
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
            deployment = await part_for(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
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
            deployment = await part_for(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            deployment.require_serving("stopped")
            target = await self._target_of(uow, deployment)
            await uow.targets.put(evolve(target, stopped_at=self._now()))
            project = await project_for(uow, actor, deployment.project_id, ProjectRole.MEMBER)
            place, cause = (project, deployment.target), "A stop was asked for"
            ending = [
                *await self._ending.supersede_waiting(uow, actor, *place, cause),
                *await self._ending.end_work(uow, actor, *place, cause),
            ]
            kept = await self._moves.keep(uow, deployment.drain(until=self._now()), cause, actor)
            await self._journal.note(uow, actor, "deployment.stop_asked", id, kept.slug)
        await self._queueing.tell([kept, *ending])
        return kept

    async def start(
        self, actor: Actor, id: ProjectId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment that serves again what production of *id* served until it was stopped.

        Raises:
            ConflictError: If it is not stopped, or its release is gone;
                or if *idempotency_key* stands for another request.
        """
        request = DeploymentRequest.of(actor, idempotency_key, "start", id)
        is_there = await self._is_there(actor, id)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.MEMBER)
            sequence = await uow.projects.next_sequence(project)
            if earlier := await self._queueing.earlier(uow, request):
                return earlier
            source = await _stopped_one(uow, actor, project)
            await require_release(uow, source, is_there=is_there)
            deployment = request.again(
                source,
                DeploymentKind.REDEPLOY,
                id=self._queueing.next_id(),
                sequence=sequence,
                at=self._now(),
            )
            environment = await self._queueing.today(uow, actor, deployment)
            moved = await self._queueing.add(uow, actor, project, deployment, environment)
            await self._queueing.require_room(uow, request)
        await self._queueing.tell(moved)
        return deployment

    async def _is_there(self, actor: Actor, id: ProjectId) -> bool:
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, id, ProjectRole.MEMBER)
            target = await uow.targets.find(project, PRODUCTION)
        return target is not None and await self._artifacts.has(actor, target.deployment_id)

    async def _target_of(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        target = await uow.targets.of_deployment(deployment)
        if target is None or target.deployment_id != deployment.id:
            raise ConflictError("It cannot be stopped: another deployment takes its place.")
        return target


async def _stopped_one(uow: UnitOfWork, actor: Actor, project: Project) -> Deployment:
    target = await uow.targets.find(project, PRODUCTION)
    if target is None or target.stopped_at is None:
        raise ConflictError("The project is not stopped. Deploy it, or restart what runs.")
    return await part_for(uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER)
