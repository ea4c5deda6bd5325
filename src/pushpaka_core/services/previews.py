"""Previews: as many as a project may have, as long as they are wanted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployment_steps import SERVING, UNDER_WAY
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.targets import Target
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.ending import Ending


@frozen
class Previews:
    """Ends previews with all that they have; production is none, and never ended here."""

    _ending: Ending
    _now: Clock
    _most: int
    """Of one project."""
    _idle: timedelta
    """How long one is kept after its last deployment."""

    async def end(
        self, uow: UnitOfWork, actor: Actor, project: Project, name: str, cause: str
    ) -> Sequence[Deployment]:
        """End a preview, and return what was alive of it. Its address goes with it."""
        ended = await self._ending.end_all(uow, actor, project, name, cause)
        target = await uow.targets.find(project, name)
        if target is not None:
            await uow.targets.remove(target)
        return ended

    async def make_room(
        self, uow: UnitOfWork, actor: Actor, project: Project, newest: Deployment
    ) -> Sequence[Deployment]:
        """End the previews that are one too many with that of *newest*, the oldest first."""
        if newest.target == PRODUCTION:
            return []
        sequences = await self._sequences(uow, project)
        oldest_first = sorted(sequences.keys() - {newest.target}, key=lambda n: sequences[n])
        return [
            ended
            for name in oldest_first[: max(0, len(oldest_first) + 1 - self._most)]
            for ended in await self.end(
                uow, actor, project, name, "Its preview made room for a newer one"
            )
        ]

    async def idle(self, uow: UnitOfWork) -> Sequence[Target]:
        """Return the previews of all projects to which nothing has happened for long."""
        targets = [target for target in await uow.targets.all() if target.is_preview]
        if not targets:
            return []
        active = await uow.deployments.all(UNDER_WAY | SERVING)
        coming = {(d.project_id, d.target) for d in active if d.status in UNDER_WAY}
        since = {d.id: d.finished_at for d in active}
        return [
            target
            for target in targets
            if (target.project_id, target.name) not in coming and self._is_idle(target, since)
        ]

    async def end_idle(self, uow: UnitOfWork, idle: Target) -> Sequence[Deployment]:
        """End a preview that was found idle, unless it is by now another one."""
        project = await uow.projects.visible_to(PLATFORM).get(idle.project_id)
        if idle not in await self.idle(uow):
            return []
        cause = "Nothing has been deployed to its preview for long"
        return await self.end(uow, PLATFORM, project, idle.name, cause)

    def _is_idle(self, target: Target, since: Mapping[DeploymentId, datetime | None]) -> bool:
        begun = target.stopped_at or since.get(target.deployment_id)
        return begun is not None and begun + self._idle <= self._now()

    async def _sequences(self, uow: UnitOfWork, project: Project) -> Mapping[str, int]:
        """Return the previews of a project, each with the newest that was asked for it."""
        targets = await uow.targets.of_projects([project])
        coming = await uow.deployments.of_projects([project], UNDER_WAY)
        places = [(t.name, t.sequence) for t in targets] + [(d.target, d.sequence) for d in coming]
        # The later ones of a name beat the others.
        by_age = sorted(places, key=lambda place: place[1])
        return {name: sequence for name, sequence in by_age if name != PRODUCTION}
