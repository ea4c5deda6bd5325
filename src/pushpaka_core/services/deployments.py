"""Deployments: asked for, looked at and taken back by their owners."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import timedelta

from anyio import move_on_after
from attrs import Attribute, astuple, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentKind,
    NewDeployment,
)
from pushpaka_core.domain.events import DeploymentMoved, Message, TimelineEvent
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.pages import Page
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.archives import require_source
from pushpaka_core.services.artifacts import Artifacts
from pushpaka_core.services.ending import Ending
from pushpaka_core.services.following import MoveFollower
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.queueing import Queueing, require_release
from pushpaka_core.services.requests import DeploymentRequest
from pushpaka_core.services.roles import part_for, project_for


@frozen(kw_only=True)
class DeploymentService:
    """Queues deployments, and tells what becomes of them."""

    _storage: Storage
    _events: EventBus
    _queueing: Queueing
    _ending: Ending
    _artifacts: Artifacts
    _journal: Journal
    _moves: Moves
    _now: Clock
    _recheck: timedelta = timedelta(seconds=5)
    """How long a lost message can keep somebody waiting."""

    async def deploy(
        self, actor: Actor, new: NewDeployment, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue the deployment of a commit or an archive, with the env vars of this moment.

        Those of the same target that still wait are superseded by it.

        Raises:
            InvalidInputError: If there is no archive of that hash, or no repository without one.
            ConflictError: If *idempotency_key* stands for another request.
            TooManyRequestsError: If too many of the actor's deployments wait.
        """
        wish = astuple(new, filter=_is_said)
        request = DeploymentRequest.of(actor, idempotency_key, DeploymentKind.DEPLOY, *wish)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, new.project_id, ProjectRole.MEMBER)
            if earlier := await self._queueing.earlier(uow, request):
                return earlier
            await require_source(uow, project, new)
            moved = await self._queueing.begin(uow, actor, request, new, project)
            await self._queueing.require_room(uow, request)
        await self._queueing.tell(moved)
        return moved[0]

    async def rollback(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment that serves what *id* served, with its env vars and without a build.

        What is in work for the same target is asked to end, as far as it is not committed.

        Raises:
            ConflictError: If *id* never ran, or what it built is not kept any more;
                or if *idempotency_key* stands for another request.
        """
        return await self._serve_again(actor, id, DeploymentKind.ROLLBACK, idempotency_key)

    async def redeploy(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment that serves what *id* serves, with the env vars of this moment.

        Raises:
            ConflictError: If *id* is not what its target serves, or its release is gone;
                or if *idempotency_key* stands for another request.
        """
        return await self._serve_again(actor, id, DeploymentKind.REDEPLOY, idempotency_key)

    async def promote(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue for production what the preview *id* serves, with production's env vars.

        Raises:
            ConflictError: If *id* is no preview, never ran, or its release is gone;
                or if *idempotency_key* stands for another request.
        """
        return await self._serve_again(actor, id, DeploymentKind.PROMOTE, idempotency_key)

    async def cancel(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Stop *id* from ever running: at once while it waits, else by its worker.

        Raises:
            ConflictError: If it is committed or over.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await part_for(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            cancelled = deployment.cancel(at=self._now())
            if cancelled == deployment:
                return deployment
            cause = "It was cancelled" if cancelled.is_final else "Somebody asked to cancel it"
            kept = await self._moves.keep(uow, cancelled, cause, actor)
            await self._journal.note(uow, actor, "deployment.cancelled", id, kept.slug)
        await self._events.publish(DeploymentMoved(deployment=kept))
        return kept

    async def page(
        self, actor: Actor, wanted: DeploymentFilter, *, limit: int = 20, offset: int = 0
    ) -> Page[Deployment]:
        """Return a part of the actor's deployments, the newest first."""
        async with self._storage.snapshot() as uow:
            if wanted.project_id is not None:
                await project_for(uow, actor, wanted.project_id, ProjectRole.VIEWER)
            return await uow.deployments.visible_to(actor).page(wanted, limit=limit, offset=offset)

    async def get(self, actor: Actor, id: DeploymentId) -> Deployment:
        """Return one of the actor's deployments; NotFoundError."""
        async with self._storage.snapshot() as uow:
            return await part_for(uow, actor, uow.deployments, id, ProjectRole.VIEWER)

    async def wait(self, actor: Actor, id: DeploymentId, timeout: timedelta) -> Deployment:
        """Return *id* as soon as it runs or is over, or as it is once *timeout* has passed."""
        if not timeout:
            return await self.get(actor, id)
        async with self._events.subscribe(id) as messages:
            deployment = await self.get(actor, id)
            with move_on_after(timeout.total_seconds()):
                while not (deployment.status in SERVING or deployment.is_final):
                    with move_on_after(self._recheck.total_seconds()):
                        await _next_move(messages)
                    deployment = await self.get(actor, id)
        return deployment

    async def require_followable(self, actor: Actor, project_id: ProjectId | None) -> None:
        """Return where the actor may see what moves in a project, or in all; NotFoundError."""
        if project_id is not None:
            async with self._storage.snapshot() as uow:
                await project_for(uow, actor, project_id, ProjectRole.VIEWER)

    async def follow(
        self, actor: Actor, project_id: ProjectId | None = None
    ) -> AsyncGenerator[Sequence[Deployment], None]:
        """
        Yield those of the actor's deployments that have moved, as they are now, without end.

        First comes nothing at all: what is read after that is told of from then on. Of
        several moves at once the last one is told.

        Raises:
            NotFoundError: For a project of somebody else, also one that has become so.
        """
        async with self._events.subscribe_to_moves() as moves:
            follower = MoveFollower(
                storage=self._storage,
                moves=moves,
                recheck=self._recheck,
                actor=actor,
                project_id=project_id,
            )
            await follower.begin()
            yield ()
            while True:
                yield await follower.next_batch()

    async def timeline(self, actor: Actor, id: DeploymentId) -> Sequence[TimelineEvent]:
        """Return what has happened to *id*, the oldest first."""
        async with self._storage.snapshot() as uow:
            deployment = await part_for(uow, actor, uow.deployments, id, ProjectRole.VIEWER)
            return await uow.timeline.of_deployment(deployment)

    async def count_by_status(self, actor: Actor) -> Mapping[DeploymentStatus, int]:
        """Return how many deployments there are in each status; administrators only."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.deployments.count_by_status()

    async def _serve_again(
        self, actor: Actor, id: DeploymentId, kind: DeploymentKind, key: str | None
    ) -> Deployment:
        request = DeploymentRequest.of(actor, key, kind, id)
        is_there = await self._artifacts.has(actor, id)
        async with self._storage.transaction() as uow:
            source = await part_for(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            project = await project_for(uow, actor, source.project_id, ProjectRole.MEMBER)
            sequence = await uow.projects.next_sequence(project)
            if earlier := await self._queueing.earlier(uow, request):
                return earlier
            await _require_reason(uow, source, kind)
            await require_release(uow, source, is_there=is_there)
            deployment = request.again(
                source, kind, id=self._queueing.next_id(), sequence=sequence, at=self._now()
            )
            moved = await self._queue_again(uow, actor, project, source, deployment)
            await self._queueing.require_room(uow, request)
        await self._queueing.tell(moved)
        return deployment

    async def _queue_again(
        self,
        uow: UnitOfWork,
        actor: Actor,
        project: Project,
        source: Deployment,
        deployment: Deployment,
    ) -> Sequence[Deployment]:
        """Queue it; only a rollback brings its env vars along, and does not wait for others."""
        if deployment.kind is not DeploymentKind.ROLLBACK:
            today = await self._queueing.today(uow, actor, deployment)
            return await self._queueing.add(uow, actor, project, deployment, today)
        served = await self._queueing.as_served(uow, source, deployment)
        ending = await self._ending.end_work(
            uow, actor, project, source.target, "A rollback was asked for"
        )
        return [*await self._queueing.add(uow, actor, project, deployment, served), *ending]


def _is_said(attribute: "Attribute[object]", value: object) -> bool:
    """Tell whether it is part of a request: one without an archive is as it was before those."""
    return attribute.name != "archive" or value is not None


async def _require_reason(uow: UnitOfWork, source: Deployment, kind: DeploymentKind) -> None:
    """Pass only what *kind* is for; ConflictError."""
    match kind:
        case DeploymentKind.REDEPLOY:
            target = await uow.targets.of_deployment(source)
            if target is None or target.deployment_id != source.id:
                raise ConflictError(
                    "Only the current deployment can be redeployed. Roll back to this one instead."
                )
        case DeploymentKind.PROMOTE if source.target == PRODUCTION:
            raise ConflictError("Only a preview can be promoted; this is production's own.")


async def _next_move(messages: AsyncIterator[Message]) -> None:
    async for message in messages:
        if isinstance(message, DeploymentMoved):
            return
