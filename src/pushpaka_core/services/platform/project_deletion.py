"""Removes the resources of deleted projects."""

from functools import partial

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.source import Source
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.instances.removal import InstanceRemoval


@frozen(kw_only=True)
class ProjectDeletion:
    """Removes the instances, artifacts, caches and rows of deleted projects."""

    _storage: Storage
    _builder: Builder
    _source: Source
    _removal: InstanceRemoval

    async def delete_projects(self) -> None:
        """
        Remove everything that belongs to deleted projects.

        A project with a deployment in progress is removed only after that deployment has ended.
        """
        async with self._storage.snapshot() as uow:
            deleted = await uow.projects.list_being_deleted()
        await run_all(partial(self._delete, project) for project in deleted)

    async def _delete(self, project: Project) -> None:
        async with self._storage.snapshot() as uow:
            if await uow.deployments.of_projects([project], IN_PROGRESS):
                return
            instances = [i for i in await uow.instances.all() if i.project_id == project.id]
            releases = await uow.releases.of_projects([project])
        await self._removal.remove_routed(instances)
        for release in releases:
            await self._builder.remove(release.artifact)
        await self._builder.remove_cache(project.number)
        await self._source.remove_cache(project.id)
        async with self._storage.transaction() as uow:
            await uow.projects.remove(project)
