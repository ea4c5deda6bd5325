"""Keeps a moved deployment together with the step of its timeline that tells of it."""

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployment_steps import ENDED_UNSERVED, DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import TimelineEvent, TimelineEventId
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.commit_statuses import CommitReports
from pushpaka_core.services.notifications import Notices

_TOLD_AT_ONCE = (DeploymentStatus.FAILED, DeploymentStatus.CRASHED)


@frozen
class Moves:
    """Writes a state change and its event in one transaction: neither is without the other."""

    _reports: CommitReports
    _notices: Notices
    _now: Clock
    _new_id: IdGenerator

    async def add(self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor) -> None:
        """Keep a new deployment, and have its forge told."""
        await uow.deployments.add(deployment)
        await self.tell(uow, deployment, cause, actor)
        await self._reports.note(uow, deployment)

    async def keep(
        self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor = PLATFORM
    ) -> Deployment:
        """Keep a changed deployment and return it as kept."""
        kept = await uow.deployments.update(deployment)
        await self.tell(uow, kept, cause, actor)
        if kept.status in ENDED_UNSERVED:
            await self._reports.note(uow, kept)
        if kept.status in _TOLD_AT_ONCE:
            await self._notices.note(uow, kept)
        return kept

    async def keep_serving(self, uow: UnitOfWork, deployment: Deployment, cause: str) -> Deployment:
        """Keep a deployment that requests go to from now on, and have its forge told."""
        kept = await self.keep(uow, deployment, cause)
        await self._reports.note(uow, kept)
        await self._notices.note(uow, kept)
        return kept

    async def keep_cancelled(self, uow: UnitOfWork, held: Deployment) -> Deployment:
        """End what was asked to end: superseded where a rollback or a stop was the reason."""
        cause = held.superseded_because or "It was cancelled"
        return await self.keep(uow, held.end_cancelled(at=self._now()), cause)

    async def tell(
        self, uow: UnitOfWork, deployment: Deployment, cause: str, actor: Actor = PLATFORM
    ) -> None:
        """Keep only the event of a change that storage has made by itself, as a claim is."""
        await uow.timeline.add(
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
