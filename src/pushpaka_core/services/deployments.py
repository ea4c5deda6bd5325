"""Deployments: asked for, looked at and taken back by their owners."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from anyio import move_on_after
from attrs import astuple, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployments import (
    IN_WORK,
    SERVING,
    Deployment,
    DeploymentId,
    DeploymentKind,
    DeploymentStatus,
    NewDeployment,
)
from pushpaka_core.domain.env_vars import Environment
from pushpaka_core.domain.events import DeploymentMoved, Message, TimelineEvent
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import DeploymentFilter, Page, Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.requests import DeploymentRequest

KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key stands for the deployment that was made with it."""

_HAS_RUN = SERVING | {DeploymentStatus.STOPPED}


@frozen(kw_only=True)
class DeploymentService:
    """Queues deployments, and tells what becomes of them."""

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _environments: Environments
    _journal: Journal
    _moves: Moves
    _now: Clock
    _new_id: IdGenerator
    _recheck: timedelta = timedelta(seconds=5)
    """How long a lost message can keep somebody waiting."""

    async def deploy(
        self, actor: Actor, new: NewDeployment, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue the deployment of a commit, with the env vars of this moment.

        Those of the same target that still wait are superseded by it.

        Raises:
            ConflictError: If *idempotency_key* stands for another request.
        """
        request = DeploymentRequest.of(actor, idempotency_key, DeploymentKind.DEPLOY, *astuple(new))
        async with self._storage.transaction() as uow:
            project = await uow.projects.visible_to(actor).get(new.project_id)
            sequence = await uow.projects.next_sequence(project.id)
            if earlier := await self._earlier(uow, request):
                return earlier
            deployment = request.fresh(
                new, project, id=self._next_id(), sequence=sequence, at=self._now()
            )
            env_vars = await uow.env_vars.visible_to(actor).of_project(project.id)
            environment = self._environments.freeze(deployment.id, env_vars, new.target)
            moved = await self._enqueue(uow, actor, deployment, environment)
        await self._tell(moved)
        return deployment

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
        request = DeploymentRequest.of(actor, idempotency_key, DeploymentKind.ROLLBACK, id)
        async with self._storage.transaction() as uow:
            source = await uow.deployments.visible_to(actor).get(id)
            sequence = await uow.projects.next_sequence(source.project_id)
            if earlier := await self._earlier(uow, request):
                return earlier
            await _require_release(uow, source)
            deployment = request.rollback(
                source, id=self._next_id(), sequence=sequence, at=self._now()
            )
            (served,) = await uow.env_vars.environments([source.id])
            environment = self._environments.copy(served, deployment.id)
            ending = await self._end_those_in_work(uow, actor, deployment)
            moved = await self._enqueue(uow, actor, deployment, environment)
        await self._tell([*moved, *ending])
        return deployment

    async def cancel(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Stop *id* from ever running: at once while it waits, else by its worker.

        Raises:
            ConflictError: If it is committed or over.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await uow.deployments.visible_to(actor).get(id)
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
                await uow.projects.visible_to(actor).get(wanted.project_id)
            visible = uow.deployments.visible_to(actor)
            return await visible.page(wanted, limit=limit, offset=offset)

    async def get(self, actor: Actor, id: DeploymentId) -> Deployment:
        """Return one of the actor's deployments; NotFoundError."""
        async with self._storage.snapshot() as uow:
            return await uow.deployments.visible_to(actor).get(id)

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

    async def timeline(self, actor: Actor, id: DeploymentId) -> Sequence[TimelineEvent]:
        """Return what has happened to *id*, the oldest first."""
        async with self._storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(actor).get(id)
            return await uow.timeline.of_deployment(deployment.id)

    async def count_by_status(self, actor: Actor) -> Mapping[DeploymentStatus, int]:
        """Return how many deployments there are in each status; administrators only."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.deployments.count_by_status()

    def _next_id(self) -> DeploymentId:
        return DeploymentId(self._new_id())

    async def _earlier(self, uow: UnitOfWork, request: DeploymentRequest) -> Deployment | None:
        """Return what the same request has made already, under the same key."""
        if request.key is None:
            return None
        earlier = await uow.deployments.find_idempotent(
            request.user_id, request.key, since=self._now() - KEY_LIFETIME
        )
        if earlier is not None and earlier.request_digest != request.digest:
            raise ConflictError(
                "This Idempotency-Key was used for another request. Use a new key for each request."
            )
        return earlier

    async def _enqueue(
        self, uow: UnitOfWork, actor: Actor, deployment: Deployment, environment: Environment
    ) -> Sequence[Deployment]:
        """Keep a new deployment; return it with those that it supersedes."""
        waiting = await uow.deployments.with_status(
            {DeploymentStatus.QUEUED},
            project_ids=[deployment.project_id],
            target=deployment.target,
        )
        superseded = [
            await self._moves.keep(
                uow, older.supersede(at=self._now()), "A newer one was asked for", actor
            )
            for older in waiting
        ]
        await self._moves.add(uow, deployment, "It was asked for", actor)
        await uow.env_vars.freeze(environment)
        await self._journal.note(
            uow, actor, f"deployment.{deployment.kind}_queued", deployment.id, deployment.slug
        )
        return [deployment, *superseded]

    async def _end_those_in_work(
        self, uow: UnitOfWork, actor: Actor, newer: Deployment
    ) -> Sequence[Deployment]:
        in_work = await uow.deployments.with_status(
            IN_WORK, project_ids=[newer.project_id], target=newer.target
        )
        return [
            await self._moves.keep(
                uow, older.cancel(at=self._now()), "A rollback was asked for", actor
            )
            for older in in_work
            if not older.is_committed
        ]

    async def _tell(self, moved: Sequence[Deployment]) -> None:
        """Wake a worker for the first of them, and tell the watchers of all."""
        await self._queue.announce(moved[0].project_id)
        for deployment in moved:
            await self._events.publish(DeploymentMoved(deployment=deployment))


async def _require_release(uow: UnitOfWork, source: Deployment) -> None:
    """Raise ConflictError where there is nothing that *source* served and could serve again."""
    if source.status not in _HAS_RUN or source.release_id is None:
        raise ConflictError(
            f"There is nothing to roll back to: the deployment is {source.status} and never ran."
        )
    try:
        is_kept = (await uow.releases.get(source.release_id)).removed_at is None
    except NotFoundError:
        is_kept = False
    if not is_kept:
        raise ConflictError(
            "What this deployment built is not kept any more. Deploy its commit again instead."
        )


async def _next_move(messages: AsyncIterator[Message]) -> None:
    async for message in messages:
        if isinstance(message, DeploymentMoved):
            return
