"""Creates, cancels, lists and follows deployments."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import timedelta

from anyio import move_on_after
from attrs import astuple, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.deployments.releases import RollbackWindow
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.logs.events import DeploymentChanged, Message, TimelineEvent
from pushpaka_core.domain.projects.target_names import is_preview
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.ports.storage.page import Page
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.artifacts import ArtifactLookup
from pushpaka_core.services.deployments.idempotency import DeploymentRequest
from pushpaka_core.services.deployments.queueing import DeploymentEnqueuer
from pushpaka_core.services.deployments.sources import require_source
from pushpaka_core.services.deployments.status_feed import StatusFeed
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.events import next_event


@frozen(kw_only=True)
class DeploymentService:
    """
    Creates deployments and reports their progress.

    A created deployment is queued, and a worker runs it. Methods that create one accept an
    *idempotency_key*: a repeated request with the same key within 24 hours returns the first
    deployment and creates none.
    """

    _storage: Storage
    _events: EventBus
    _enqueuer: DeploymentEnqueuer
    _artifact_lookup: ArtifactLookup
    _audit_log: AuditLog
    _transitions: DeploymentTransitions
    _now: Clock
    _poll_interval: timedelta = timedelta(seconds=5)
    """The interval at which storage is checked, in case an event was lost."""

    async def deploy(
        self, actor: Actor, new_deployment: NewDeployment, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue the deployment of a commit, an archive or an image, with the current environment
        variables.

        Queued deployments of the same target are superseded.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            InvalidInputError: If the archive is unknown, the project has no repository and no
                archive is given, or the image does not belong to the project.
            ConflictError: If *idempotency_key* was used for another request.
            TooManyRequestsError: If the actor has too many queued deployments.
        """
        request = DeploymentRequest.of(
            actor, idempotency_key, DeploymentKind.DEPLOY, *astuple(new_deployment)
        )
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new_deployment.project_id, ProjectRole.MEMBER)
            if earlier := await self._enqueuer.find_earlier_deployment(uow, request):
                return earlier
            await require_source(uow, project, new_deployment)
            moved = await self._enqueuer.queue_source(uow, actor, request, new_deployment, project)
            await self._enqueuer.require_queue_quota(uow, request)
        await self._enqueuer.publish(moved)
        return moved[0]

    async def rollback(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a rollback to *id*: a deployment that runs the release of *id* with its environment
        variables, without a build.

        Queued deployments of the same target are superseded. Deployments in progress are canceled,
        unless their cutover has begun.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            ConflictError: If *id* never ran, its artifact was removed, or *idempotency_key* was
                used for another request.
            TooManyRequestsError: If the actor has too many queued deployments.
            RuntimeUnavailableError: If the builder does not respond in time.
        """
        return await self._deploy_again(actor, id, DeploymentKind.ROLLBACK, idempotency_key)

    async def redeploy(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment of the active release with the current environment variables.

        Queued deployments of the same target are superseded.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            ConflictError: If *id* is not the active deployment of its target, its artifact was
                removed, or *idempotency_key* was used for another request.
            TooManyRequestsError: If the actor has too many queued deployments.
            RuntimeUnavailableError: If the builder does not respond in time.
        """
        return await self._deploy_again(actor, id, DeploymentKind.REDEPLOY, idempotency_key)

    async def promote(
        self, actor: Actor, id: DeploymentId, *, idempotency_key: str | None = None
    ) -> Deployment:
        """
        Queue a deployment of the release of preview *id* to production, with production's
        variables.

        Queued deployments of production are superseded.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            ConflictError: If *id* is not a preview or never ran, its artifact was removed, or
                *idempotency_key* was used for another request.
            TooManyRequestsError: If the actor has too many queued deployments.
            RuntimeUnavailableError: If the builder does not respond in time.
        """
        return await self._deploy_again(actor, id, DeploymentKind.PROMOTE, idempotency_key)

    async def cancel(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Cancel the deployment *id*.

        A queued deployment is canceled immediately. A deployment in progress is marked, and stopped
        by its worker later. The status of the returned deployment shows which of the two happened.
        Safe to repeat until the worker has stopped the deployment.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            ConflictError: If the cutover has begun, or if the deployment is no longer queued or in
                progress.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            deployment = await get_entity(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            cancelled = deployment.cancel(now=self._now())
            if cancelled == deployment:
                return deployment
            cause = (
                "The deployment was canceled"
                if cancelled.is_final
                else "Cancellation was requested"
            )
            kept = await self._transitions.store(uow, cancelled, cause, actor)
            await self._audit_log.record(uow, actor, "deployment.cancelled", id, kept.slug)
        await self._events.publish(DeploymentChanged(deployment=kept))
        return kept

    async def page(
        self, actor: Actor, deployment_filter: DeploymentFilter, *, limit: int = 20, offset: int = 0
    ) -> Page[Deployment]:
        """
        Return a page of the deployments that the actor can see, newest first.

        Raises:
            NotFoundError: If *deployment_filter* names a project that the actor cannot see.
        """
        async with self._storage.snapshot() as uow:
            if deployment_filter.project_id is not None:
                await get_project(uow, actor, deployment_filter.project_id, ProjectRole.VIEWER)
            return await uow.deployments.visible_to(actor).page(
                deployment_filter, limit=limit, offset=offset
            )

    async def get(self, actor: Actor, id: DeploymentId) -> Deployment:
        """
        Return a deployment.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
        """
        async with self._storage.snapshot() as uow:
            return await get_entity(uow, actor, uow.deployments, id, ProjectRole.VIEWER)

    async def rollback_window(self, actor: Actor, id: DeploymentId) -> RollbackWindow:
        """
        Return the rollback window of a deployment as of now.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
        """
        return RollbackWindow.of(await self.get(actor, id), now=self._now())

    async def wait(self, actor: Actor, id: DeploymentId, timeout: timedelta) -> Deployment:
        """
        Wait until a deployment is live or has ended, or until *timeout*, and return it.

        Raises:
            NotFoundError: If the actor cannot see the deployment, or loses access to it while
                waiting.
        """
        if not timeout:
            return await self.get(actor, id)
        async with self._events.subscribe(id) as messages:
            deployment = await self.get(actor, id)
            with move_on_after(timeout.total_seconds()):
                while not (deployment.status in SERVING or deployment.is_final):
                    await next_event(
                        messages, timeout=self._poll_interval, matches=_is_status_change
                    )
                    deployment = await self.get(actor, id)
        return deployment

    async def require_visible(self, actor: Actor, project_id: ProjectId | None) -> None:
        """
        Raise NotFoundError unless the actor can see the project. None means all projects, and never
        raises.
        """
        if project_id is not None:
            async with self._storage.snapshot() as uow:
                await get_project(uow, actor, project_id, ProjectRole.VIEWER)

    async def follow(
        self, actor: Actor, project_id: ProjectId | None = None
    ) -> AsyncGenerator[Sequence[Deployment], None]:
        """
        Yield the deployments whose status has changed, in batches and in their current state.

        The first batch is empty and means that the subscription is active. A caller that reads the
        current state after this batch misses no change. If several changes follow in quick
        succession, only the latest may be yielded. The iteration never ends.

        Args:
            actor: The subscriber. Their access is checked again for each batch.
            project_id: The project to follow; None follows all projects that the actor can see.

        Raises:
            NotFoundError: If the actor cannot see the project, or loses access to it.
        """
        async with self._events.subscribe_to_deployments() as events:
            follower = StatusFeed(
                storage=self._storage,
                events=events,
                poll_interval=self._poll_interval,
                actor=actor,
                project_id=project_id,
            )
            await follower.start()
            yield ()
            while True:
                yield await follower.next_batch()

    async def timeline(self, actor: Actor, id: DeploymentId) -> Sequence[TimelineEvent]:
        """
        Return the status changes of a deployment, oldest first.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
        """
        async with self._storage.snapshot() as uow:
            deployment = await get_entity(uow, actor, uow.deployments, id, ProjectRole.VIEWER)
            return await uow.timeline_events.of_deployment(deployment)

    async def count_by_status(self, actor: Actor) -> Mapping[DeploymentStatus, int]:
        """
        Return the number of deployments on this instance for each status.

        Raises:
            NotFoundError: If the actor is not an administrator.
        """
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.deployments.count_by_status()

    async def _deploy_again(
        self, actor: Actor, id: DeploymentId, kind: DeploymentKind, idempotency_key: str | None
    ) -> Deployment:
        request = DeploymentRequest.of(actor, idempotency_key, kind, id)
        is_there = await self._artifact_lookup.exists(actor, id)
        async with self._storage.transaction() as uow:
            source = await get_entity(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            project = await get_project(uow, actor, source.project_id, ProjectRole.MEMBER)
            sequence = await uow.projects.next_sequence(project)
            if earlier := await self._enqueuer.find_earlier_deployment(uow, request):
                return earlier
            await _require_applicable(uow, source, kind)
            moved = await self._enqueuer.queue_again(
                uow,
                actor,
                request,
                source,
                project,
                kind=kind,
                sequence=sequence,
                has_artifact=is_there,
            )
        await self._enqueuer.publish(moved)
        return moved[0]


async def _require_applicable(uow: UnitOfWork, source: Deployment, kind: DeploymentKind) -> None:
    """Raise ConflictError unless *source* may be redeployed or promoted, according to *kind*."""
    match kind:
        case DeploymentKind.REDEPLOY:
            target = await uow.targets.of_deployment(source)
            if target is None or target.deployment_id != source.id:
                raise ConflictError(
                    "Only the active deployment can be redeployed. Roll back to this one instead."
                )
        case DeploymentKind.PROMOTE if not is_preview(source.target):
            raise ConflictError(
                f"Only a preview can be promoted, not a deployment of {source.target}. Choose the "
                "deployment of a preview."
            )


def _is_status_change(message: Message) -> bool:
    return isinstance(message, DeploymentChanged)
