"""Releases, targets and instances in memory."""

from collections.abc import Collection, Sequence

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.tables import Tables, next_version, require_unique
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import StaleEntityError


@frozen
class MemoryTargets:
    """In-memory implementation of `Targets`."""

    _tables: Tables

    async def find(self, project: Project, name: str, /) -> Target | None:
        return self._tables.targets.find((project.id, name))

    async def of_deployment(self, deployment: Deployment, /) -> Target | None:
        return self._tables.targets.find((deployment.project_id, deployment.target))

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Target]:
        ids = {project.id for project in projects}
        return [target for target in await self.all() if target.project_id in ids]

    async def all(self) -> Sequence[Target]:
        return sorted(self._tables.targets, key=lambda t: (t.project_id, t.name))

    async def put(self, target: Target, /) -> Target:
        self._tables.deployments.get(target.deployment_id, "deployment")
        key = target.project_id, target.name
        current = self._tables.targets.find(key)
        if (1 if current is None else current.version) != target.version:
            raise StaleEntityError("target")
        kept = evolve(target, version=target.version + 1)
        self._tables.targets.put(key, kept)
        return kept

    async def remove(self, target: Target, /) -> None:
        self._tables.targets.remove((target.project_id, target.name))


@frozen
class MemoryReleases:
    """In-memory implementation of `Releases`."""

    _tables: Tables

    async def of_deployment(self, deployment: Deployment, /) -> Release | None:
        if deployment.release_id is None:
            return None
        return self._tables.releases.find(deployment.release_id)

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Release]:
        ids = {project.id for project in projects}
        return [release for release in await self.all() if release.project_id in ids]

    async def all(self) -> Sequence[Release]:
        found = self._tables.releases.where(lambda r: r.removed_at is None)
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)

    async def add(self, release: Release, /) -> None:
        self._tables.deployments.get(release.deployment_id, "deployment")
        self._tables.releases.add(release.id, release)

    async def update(self, release: Release, /) -> Release:
        kept = next_version(self._tables.releases.find(release.id), release, "release")
        self._tables.releases.put(kept.id, kept)
        return kept


@frozen
class MemoryInstances:
    """In-memory implementation of `Instances`."""

    _tables: Tables

    async def all(self) -> Sequence[Instance]:
        return list(self._tables.instances)

    async def of_deployments(self, deployments: Collection[Deployment], /) -> Sequence[Instance]:
        ids = {deployment.id for deployment in deployments}
        return self._tables.instances.where(lambda i: i.deployment_id in ids)

    async def of_lease(self, lease: Lease, /) -> Sequence[Instance]:
        return self._tables.instances.where(lambda i: i.lease == lease)

    async def add(self, instance: Instance, /) -> None:
        self._tables.deployments.get(instance.deployment_id, "deployment")
        self._require_port_free(instance)
        self._tables.instances.add(instance.id, instance)

    async def update(self, instance: Instance, /) -> Instance:
        current = self._tables.instances.find(instance.id)
        changed = next_version(current, instance, "instance")
        self._require_port_free(instance)
        kept = evolve(changed, output_position=current.output_position) if current else changed
        self._tables.instances.put(kept.id, kept)
        return kept

    async def store_output_position(self, id: InstanceId, position: str, /) -> None:
        instance = self._tables.instances.find(id)
        if instance is not None:
            self._tables.instances.put(id, evolve(instance, output_position=position))

    async def remove(self, instance: Instance, /) -> None:
        self._tables.instances.remove(instance.id)

    def _require_port_free(self, instance: Instance) -> None:
        if instance.port is None:
            return
        place = instance.node, instance.port
        others = self._tables.instances.where(lambda i: i.id != instance.id)
        require_unique((i for i in others if (i.node, i.port) == place), "port")
