"""Preview limits: removes previews that are idle or exceed the limit of a project."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, SERVING
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import is_preview
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.cancellation import Cancellation
from pushpaka_core.services.volumes.usage import detach_volumes


@frozen
class PreviewLimits:
    """
    Ends previews that are no longer needed, idle or beyond the project's limit. Never ends
    production.
    """

    _cancellation: Cancellation
    _now: Clock
    _max_previews: int
    """The maximum number of previews per project."""
    _idle_timeout: timedelta
    """How long a preview is kept after its last deployment."""

    async def end(
        self, uow: UnitOfWork, actor: Actor, project: Project, name: str, cause: str
    ) -> Sequence[Deployment]:
        """
        End a preview, free its address and detach its volumes.

        Returns:
            The ended deployments, which were queued, in progress or serving.
        """
        ended = await self._cancellation.remove_target(uow, actor, project, name, cause)
        await detach_volumes(uow, project.id, name, now=self._now())
        return ended

    async def enforce_limit(
        self, uow: UnitOfWork, actor: Actor, project: Project, newest_deployment: Deployment
    ) -> Sequence[Deployment]:
        """
        End the oldest previews of *project* that exceed the limit, but never the preview of
        *newest_deployment*.

        Returns:
            The ended deployments, those of the oldest preview first.
        """
        if not is_preview(newest_deployment.target):
            return []
        sequences = await self._newest_sequences(uow, project)
        oldest_first = sorted(
            sequences.keys() - {newest_deployment.target}, key=lambda n: sequences[n]
        )
        return [
            ended
            for name in oldest_first[: max(0, len(oldest_first) + 1 - self._max_previews)]
            for ended in await self.end(
                uow,
                actor,
                project,
                name,
                "The preview was stopped because the project has too many previews",
            )
        ]

    async def find_idle(self, uow: UnitOfWork) -> Sequence[Target]:
        """
        Return the previews that have been idle for too long, in all projects.

        The idle time of a preview begins when its last deployment ends or when the preview is
        stopped.
        """
        targets = [target for target in await uow.targets.all() if target.is_preview]
        if not targets:
            return []
        active = await uow.deployments.all(QUEUED_OR_IN_PROGRESS | SERVING)
        coming = {(d.project_id, d.target) for d in active if d.status in QUEUED_OR_IN_PROGRESS}
        since = {d.id: d.finished_at for d in active}
        return [
            target
            for target in targets
            if (target.project_id, target.name) not in coming and self._is_idle(target, since)
        ]

    async def end_idle(self, uow: UnitOfWork, target: Target) -> Sequence[Deployment]:
        """
        End *target*, unless it has changed since `find_idle` returned it.

        Returns:
            The ended deployments.
        """
        project = await uow.projects.visible_to(PLATFORM).get(target.project_id)
        if target not in await self.find_idle(uow):
            return []
        cause = "The preview was stopped because it was not deployed for too long"
        return await self.end(uow, PLATFORM, project, target.name, cause)

    def _is_idle(
        self, target: Target, finish_times: Mapping[DeploymentId, datetime | None]
    ) -> bool:
        idle_since = target.stopped_at or finish_times.get(target.deployment_id)
        return idle_since is not None and idle_since + self._idle_timeout <= self._now()

    async def _newest_sequences(self, uow: UnitOfWork, project: Project) -> Mapping[str, int]:
        """Return the sequence number of the newest deployment of each preview, by target name."""
        targets = await uow.targets.of_projects([project])
        coming = await uow.deployments.of_projects([project], QUEUED_OR_IN_PROGRESS)
        places = [(t.name, t.sequence) for t in targets] + [(d.target, d.sequence) for d in coming]
        # In ascending order, so that the newest deployment of a name wins.
        by_age = sorted(places, key=lambda place: place[1])
        return {name: sequence for name, sequence in by_age if is_preview(name)}


@frozen(kw_only=True)
class IdlePreviewRemoval:
    """Ends previews that have been idle for longer than the configured timeout."""

    _storage: Storage
    _events: EventBus
    _preview_limits: PreviewLimits

    async def end_idle_previews(self) -> None:
        """End all previews that have been idle for longer than the configured timeout."""
        async with self._storage.snapshot() as uow:
            idle = await self._preview_limits.find_idle(uow)
        for target in idle:
            async with self._storage.transaction() as uow:
                ended = await self._preview_limits.end_idle(uow, target)
            for deployment in ended:
                await self._events.publish(DeploymentChanged(deployment=deployment))
