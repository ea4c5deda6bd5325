"""Stores status changes of deployments with their timeline events."""

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import ENDED_WITHOUT_SERVING, DeploymentStatus
from pushpaka_core.domain.ids import TimelineEventId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.integrations.commit_statuses import CommitStatusQueue
from pushpaka_core.services.integrations.notifications import NotificationQueue

_NOTIFIED_STATUSES = (DeploymentStatus.FAILED, DeploymentStatus.CRASHED)


@frozen
class DeploymentTransitions:
    """Stores a status change, its timeline event and its outbox messages in one transaction."""

    _commit_statuses: CommitStatusQueue
    _notifications: NotificationQueue
    _now: Clock
    _new_id: IdGenerator

    async def add(self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor) -> None:
        """
        Store a new deployment and queue its commit status.

        Args:
            uow: The transaction to write in.
            deployment: The new deployment.
            cause: The text of the timeline event.
            actor: The user who requested the deployment.
        """
        await uow.deployments.add(deployment)
        await self.add_event(uow, deployment, cause, actor)
        await self._commit_statuses.enqueue(uow, deployment)

    async def store(
        self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor = PLATFORM
    ) -> Deployment:
        """
        Store a changed deployment and return it with its new version.

        Queues a commit status if the deployment ended without serving, and notifications if it
        failed or crashed. If the deployment ended without serving or is queued again, its takeover
        of the target ends, if it has begun one, and the active deployment can start again.

        Raises:
            StaleEntityError: If the row was changed since *deployment* was read.
        """
        kept = await uow.deployments.update(deployment)
        await self.add_event(uow, kept, cause, actor)
        if kept.status in ENDED_WITHOUT_SERVING:
            await self._commit_statuses.enqueue(uow, kept)
        if kept.status in ENDED_WITHOUT_SERVING or kept.status is DeploymentStatus.QUEUED:
            await self._end_takeover(uow, kept)
        if kept.status in _NOTIFIED_STATUSES:
            await self._notifications.enqueue(uow, kept)
        return kept

    async def store_serving(
        self, uow: UnitOfWork, deployment: Deployment, cause: str
    ) -> Deployment:
        """Store a deployment that starts to serve. Queue its commit status and notifications."""
        kept = await self.store(uow, deployment, cause)
        await self._commit_statuses.enqueue(uow, kept)
        await self._notifications.enqueue(uow, kept)
        return kept

    async def store_canceled(self, uow: UnitOfWork, deployment: Deployment) -> Deployment:
        """
        End *deployment* as requested, and return it.

        The deployment ends as superseded if the reason was a rollback or a stop, else as canceled.
        """
        cause = deployment.superseded_because or "The deployment was canceled"
        return await self.store(uow, deployment.finish_cancellation(now=self._now()), cause)

    async def _end_takeover(self, uow: UnitOfWork, deployment: Deployment) -> None:
        target = await uow.targets.of_deployment(deployment)
        if target is None or target.takeover_id != deployment.id:
            return
        ended = target.end_takeover()
        active = await uow.deployments.visible_to(PLATFORM).get(target.deployment_id)
        instances = await uow.instances.of_deployments([active])
        if any(i.is_routed for i in instances if i.lease == active.lease):
            # The takeover ended before it stopped an instance. The reconciler publishes the routes.
            ended = ended.release()
        await uow.targets.put(ended)

    async def add_event(
        self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor = PLATFORM
    ) -> None:
        """Add only the timeline event, for a change that is already stored, such as a claim."""
        await uow.timeline_events.add(
            TimelineEvent(
                id=TimelineEventId(self._new_id()),
                deployment_id=deployment.id,
                status=deployment.status,
                phase=deployment.phase,
                cause=cause,
                user_id=actor.user_id,
                created_at=self._now(),
            )
        )
