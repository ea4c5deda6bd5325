"""Supersedes, cancels and stops deployments that are no longer needed."""

from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS, SERVING, DeploymentStatus
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.transitions import DeploymentTransitions


@frozen
class Cancellation:
    """
    Ends the queued, running and active deployments of one target. Callers commit and publish the
    changes.
    """

    _transitions: DeploymentTransitions
    _now: Clock

    async def supersede_queued(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """Mark the queued deployments of *target* as superseded, and return them."""
        waiting = await uow.deployments.of_projects(
            [project], {DeploymentStatus.QUEUED}, target=target
        )
        return [
            await self._transitions.store(uow, older.supersede(now=self._now()), cause, actor)
            for older in waiting
        ]

    async def cancel_in_progress(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """
        Request the cancellation of the deployments of *target* that are in progress, and return
        them.

        These deployments end as superseded. A deployment whose cutover has begun is not affected.
        """
        in_progress = await uow.deployments.of_projects([project], IN_PROGRESS, target=target)
        return [
            await self._transitions.store(
                uow, older.cancel(now=self._now(), reason=cause), cause, actor
            )
            for older in in_progress
            if not older.is_committed
        ]

    async def remove_target(
        self, uow: UnitOfWork, actor: Actor, project: Project, name: str, cause: str
    ) -> Sequence[Deployment]:
        """
        End all deployments of a target and delete it, which frees its address.

        Returns:
            The ended deployments, see `end_all`.
        """
        ended = await self.end_all(uow, actor, project, name, cause)
        target = await uow.targets.find(project, name)
        if target is not None:
            await uow.targets.remove(target)
        return ended

    async def end_all(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """
        End all deployments of *target* and return them: queued, in progress and active ones.

        A deployment whose cutover has begun is stopped once it is live.
        """
        ended = [
            *await self.supersede_queued(uow, actor, project, target, cause),
            *await self.cancel_in_progress(uow, actor, project, target, cause),
        ]
        committed = await uow.deployments.of_projects(
            [project], IN_PROGRESS | SERVING, target=target
        )
        drained = [
            await self._transitions.store(uow, each.drain(deadline=self._now()), cause, actor)
            for each in committed
            if each.is_committed and each.drain_until is None
        ]
        return [*ended, *drained]
