"""Takes away what nobody needs any more: deleted projects, orphans, old releases."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from attrs import evolve, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.archives import Archive
from pushpaka_core.domain.deployment_steps import IN_WORK, SERVING, UNDER_WAY, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, Lease, ReleaseId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.source import Source
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.archives import wanted_archives
from pushpaka_core.services.background import together
from pushpaka_core.services.log_trimming import remove_lines
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.running import Running

_S = DeploymentStatus
MOST_STEPS = 1000
"""How many steps of one deployment are kept while it serves."""
_FORGOTTEN_AT_ONCE = 100
_ARCHIVES_KEPT = timedelta(days=1)
_SCRATCH_KEPT = timedelta(hours=1)
"""Longer than anything takes that uses it."""


@frozen
class Sweeping:
    """
    Removes by what the database says, never by what looks unused.

    Only what carries the mark of this instance is ever seen here, let alone removed.
    """

    _storage: Storage
    _events: EventBus
    _runtime: Runtime
    _source: Source
    _builder: Builder
    _workspaces: Workspaces
    _running: Running
    _routing: Routing
    _previews: Previews
    _now: Clock
    _releases_kept: int
    _logs_kept: timedelta

    async def sweep(self) -> None:
        """Do all of it once, each part whatever becomes of the others."""
        await together(
            [
                self.delete_projects,
                self.retire_releases,
                self._sweep_rows,
                self._sweep_instances,
                self._runtime.sweep,
                self._sweep_workspaces,
                self._sweep_artifacts,
                self.forget_bygone,
                self.trim_timelines,
                self.forget_deliveries,
                self.forget_invitations,
                self.end_idle_previews,
                self.forget_archives,
            ]
        )

    async def delete_projects(self) -> None:
        """Take away what runs of deleted projects, then what lies on disk, then their rows."""
        async with self._storage.snapshot() as uow:
            deleted = await uow.projects.deleted()
        await together(partial(self._delete, project) for project in deleted)

    async def retire_releases(self) -> None:
        """
        Remove the artifacts of releases that are not kept.

        Kept are what is served, queued or in work, and of each project and target
        the last that ran; a string of failed deployments evicts nothing. Of a preview that
        has ended nothing is kept.
        """
        async with self._storage.snapshot() as uow:
            projects = await uow.projects.visible_to(PLATFORM).all()
            retired = await self._retired(uow, projects)
        project_ids = {release.project_id for release in retired}
        await together(partial(self._retire, project_id) for project_id in project_ids)

    async def forget_bygone(self) -> None:
        """Remove the logs and then the timelines of what has been over for long; the rows stay."""
        async with self._storage.snapshot() as uow:
            bygone = await uow.timeline.bygone(
                self._now() - self._logs_kept, limit=_FORGOTTEN_AT_ONCE
            )
        for deployment_id in bygone:
            await remove_lines(self._storage, deployment_id)
            async with self._storage.transaction() as uow:
                await uow.timeline.remove(deployment_id)

    async def trim_timelines(self) -> None:
        """Remove the oldest steps of what runs and crashes again and again."""
        async with self._storage.snapshot() as uow:
            overlong = await uow.timeline.overlong(MOST_STEPS)
        for deployment_id in overlong:
            async with self._storage.transaction() as uow:
                await uow.timeline.remove(deployment_id, but_newest=MOST_STEPS)

    async def forget_deliveries(self) -> None:
        """Remove the notes of deliveries that no forge will send again."""
        async with self._storage.transaction() as uow:
            await uow.webhooks.forget(self._now() - self._logs_kept)

    async def forget_invitations(self) -> None:
        """Remove what nobody has accepted in time."""
        async with self._storage.transaction() as uow:
            await uow.invitations.forget(self._now())

    async def end_idle_previews(self) -> None:
        """End the previews to which nothing has been deployed for long."""
        async with self._storage.snapshot() as uow:
            idle = await self._previews.idle(uow)
        for target in idle:
            async with self._storage.transaction() as uow:
                ended = await self._previews.end_idle(uow, target)
            for deployment in ended:
                await self._events.publish(DeploymentMoved(deployment=deployment))

    async def forget_archives(self) -> None:
        """Remove what was sent and that neither work nor a kept release needs, after a day."""
        async with self._storage.snapshot() as uow:
            unneeded = await uow.archives.unneeded(self._now() - _ARCHIVES_KEPT)
        await together(partial(self._forget_archive, archive) for archive in unneeded)

    async def _forget_archive(self, archive: Archive) -> None:
        """Remove it unless somebody has asked for it in this moment."""
        with suppress(NotFoundError):  # Then it is gone with its project.
            async with self._storage.transaction() as uow:
                project = await uow.projects.visible_to(PLATFORM).get(archive.project_id)
                if archive.sha256 not in await wanted_archives(uow, project):
                    await uow.archives.remove(archive)

    async def _retire(self, project_id: ProjectId) -> None:
        retired: Sequence[Release] = ()
        with suppress(NotFoundError):  # Then its releases are gone with it.
            async with self._storage.transaction() as uow:
                project = await uow.projects.visible_to(PLATFORM).get(project_id)
                retired = await self._retired(uow, [project])
                for release in retired:
                    await uow.releases.update(evolve(release, removed_at=self._now()))
        for release in retired:
            await self._builder.remove(release.artifact)

    async def _retired(self, uow: UnitOfWork, projects: Collection[Project]) -> Sequence[Release]:
        releases = await uow.releases.of_projects(projects)
        ran = await uow.deployments.of_kept_releases(projects, [*SERVING, _S.STOPPED])
        coming = await uow.deployments.of_projects(projects, UNDER_WAY)
        targets = await uow.targets.of_projects(projects)
        places = {(target.project_id, target.name) for target in targets}
        remembered = [d for d in ran if d.target == PRODUCTION or _place(d) in places]
        served = {deployment.release_id for deployment in ran if deployment.status in SERVING}
        kept = {d.release_id for d in coming} | served | self._newest(remembered)
        return [release for release in releases if release.id not in kept]

    def _newest(self, ran: Iterable[Deployment]) -> set[ReleaseId | None]:
        kept: set[ReleaseId | None] = set()
        by_target: dict[tuple[ProjectId, str], dict[ReleaseId | None, None]] = defaultdict(dict)
        for deployment in sorted(ran, key=lambda d: d.sequence, reverse=True):
            by_target[_place(deployment)][deployment.release_id] = None
        for newest_first in by_target.values():
            kept.update(list(newest_first)[: self._releases_kept])
        return kept

    async def _delete(self, project: Project) -> None:
        async with self._storage.snapshot() as uow:
            if await uow.deployments.of_projects([project], IN_WORK):
                return
            instances = [i for i in await uow.instances.all() if i.project_id == project.id]
            releases = await uow.releases.of_projects([project])
        await self._routing.publish()
        await together(partial(self._running.remove_one, instance) for instance in instances)
        for release in releases:
            await self._builder.remove(release.artifact)
        await self._builder.forget(project.number)
        await self._source.forget(project.id)
        async with self._storage.transaction() as uow:
            await uow.projects.remove(project)

    async def _sweep_rows(self) -> None:
        """Remove instances whose deployment is over, or that a lost lease left behind."""
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.all()
            active = await uow.deployments.all([*IN_WORK, *SERVING])
        leases = {d.lease for d in active}
        orphans = [instance for instance in instances if instance.lease not in leases]
        await together(partial(self._running.remove_one, orphan) for orphan in orphans)

    async def _sweep_instances(self) -> None:
        """End what runs without a row; rows are older, so the runtime is asked first."""
        observed = await self._runtime.instances()
        async with self._storage.snapshot() as uow:
            known = {i.name for i in await uow.instances.all()}
        unknown = [instance.name for instance in observed if instance.name not in known]
        await together(partial(self._running.remove_unknown, name) for name in unknown)

    async def _sweep_workspaces(self) -> None:
        await self._workspaces.sweep_scratch(_SCRATCH_KEPT)
        found = await self._workspaces.leases()
        held = await self._held()
        for lease in found:
            if lease not in held:
                await self._workspaces.remove(lease)

    async def _sweep_artifacts(self) -> None:
        found = await self._builder.artifacts()
        held = await self._held()
        async with self._storage.snapshot() as uow:
            released = {release.artifact for release in await uow.releases.all()}
        for artifact, lease in found.items():
            if artifact not in released and lease not in held:
                await self._builder.remove(artifact)

    async def _held(self) -> Collection[Lease]:
        async with self._storage.snapshot() as uow:
            return {sight.lease for sight in await uow.deployments.leases()}


def _place(deployment: Deployment) -> tuple[ProjectId, str]:
    return deployment.project_id, deployment.target
