"""Ends what was asked for and is not wanted any more."""

from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import IN_WORK, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.moves import Moves


@frozen
class Ending:
    """Takes deployments of one target out of the queue, out of work, or out of service."""

    _moves: Moves
    _now: Clock

    async def supersede_waiting(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """End what still waits for *target*, and return it."""
        waiting = await uow.deployments.of_projects(
            [project], {DeploymentStatus.QUEUED}, target=target
        )
        return [
            await self._moves.keep(uow, older.supersede(at=self._now()), cause, actor)
            for older in waiting
        ]

    async def end_work(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """Ask what is in work for *target* to end superseded, as far as it is not committed."""
        in_work = await uow.deployments.of_projects([project], IN_WORK, target=target)
        return [
            await self._moves.keep(uow, older.cancel(at=self._now(), because=cause), cause, actor)
            for older in in_work
            if not older.is_committed
        ]

    async def end_all(
        self, uow: UnitOfWork, actor: Actor, project: Project, target: str, cause: str
    ) -> Sequence[Deployment]:
        """End what waits, is in work or serves; what is committed stops as soon as it runs."""
        ended = [
            *await self.supersede_waiting(uow, actor, project, target, cause),
            *await self.end_work(uow, actor, project, target, cause),
        ]
        committed = await uow.deployments.of_projects([project], IN_WORK | SERVING, target=target)
        drained = [
            await self._moves.keep(uow, each.drain(until=self._now()), cause, actor)
            for each in committed
            if each.is_committed and each.drain_until is None
        ]
        return [*ended, *drained]
