"""What was built, what serves and what runs, kept in memory."""

from collections.abc import Collection, Sequence

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_tables import Tables, next_version, refuse_taken
from pushpaka_core.domain.deployments import Deployment, Lease
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target
from pushpaka_core.errors import StaleEntityError


@frozen
class MemoryTargets:
    """What each target of each project serves."""

    _tables: Tables

    async def find(self, project: Project, name: str, /) -> Target | None:
        """Return the target, or None."""
        return self._tables.targets.find((project.id, name))

    async def of_deployment(self, deployment: Deployment, /) -> Target | None:
        """Return the target of a deployment, or None."""
        return self._tables.targets.find((deployment.project_id, deployment.target))

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Target]:
        """Return the targets of some projects, by project and name."""
        ids = {project.id for project in projects}
        return [target for target in await self.all() if target.project_id in ids]

    async def all(self) -> Sequence[Target]:
        """Return everybody's targets, by project and name."""
        return sorted(self._tables.targets, key=lambda t: (t.project_id, t.name))

    async def put(self, target: Target, /) -> Target:
        """Keep a new or changed target."""
        self._tables.deployments.get(target.deployment_id, "deployment")
        key = target.project_id, target.name
        current = self._tables.targets.find(key)
        if (1 if current is None else current.version) != target.version:
            raise StaleEntityError("target")
        kept = evolve(target, version=target.version + 1)
        self._tables.targets.put(key, kept)
        return kept

    async def remove(self, target: Target, /) -> None:
        """Take the target away."""
        self._tables.targets.remove((target.project_id, target.name))


@frozen
class MemoryReleases:
    """What was built."""

    _tables: Tables

    async def of_deployment(self, deployment: Deployment, /) -> Release | None:
        """Return what a deployment runs, or None."""
        if deployment.release_id is None:
            return None
        return self._tables.releases.find(deployment.release_id)

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Release]:
        """Return the releases of some projects whose artifact is not removed, the newest first."""
        ids = {project.id for project in projects}
        return [release for release in await self.all() if release.project_id in ids]

    async def all(self) -> Sequence[Release]:
        """Return everybody's releases whose artifact is not removed, the newest first."""
        found = self._tables.releases.where(lambda r: r.removed_at is None)
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)

    async def add(self, release: Release, /) -> None:
        """Keep a new release."""
        self._tables.deployments.get(release.deployment_id, "deployment")
        self._tables.releases.add(release.id, release)

    async def update(self, release: Release, /) -> Release:
        """Keep a changed release."""
        kept = next_version(self._tables.releases.find(release.id), release, "release")
        self._tables.releases.put(kept.id, kept)
        return kept


@frozen
class MemoryInstances:
    """What runs, or ought to."""

    _tables: Tables

    async def all(self) -> Sequence[Instance]:
        """Return everybody's instances, the oldest first."""
        return list(self._tables.instances)

    async def of_deployments(self, deployments: Collection[Deployment], /) -> Sequence[Instance]:
        """Return the instances of some deployments, the oldest first."""
        ids = {deployment.id for deployment in deployments}
        return self._tables.instances.where(lambda i: i.deployment_id in ids)

    async def of_lease(self, lease: Lease, /) -> Sequence[Instance]:
        """Return the instances that were started under a lease, the oldest first."""
        return self._tables.instances.where(lambda i: i.lease == lease)

    async def add(self, instance: Instance, /) -> None:
        """Keep a new instance."""
        self._tables.deployments.get(instance.deployment_id, "deployment")
        self._check_port(instance)
        self._tables.instances.add(instance.id, instance)

    async def update(self, instance: Instance, /) -> Instance:
        """Keep a changed instance, but for how far it is read."""
        current = self._tables.instances.find(instance.id)
        changed = next_version(current, instance, "instance")
        self._check_port(instance)
        kept = evolve(changed, output_position=current.output_position) if current else changed
        self._tables.instances.put(kept.id, kept)
        return kept

    async def mark_read(self, id: InstanceId, position: str, /) -> None:
        """Note how far the instance's output is in the log."""
        instance = self._tables.instances.find(id)
        if instance is not None:
            self._tables.instances.put(id, evolve(instance, output_position=position))

    async def remove(self, instance: Instance, /) -> None:
        """Take the instance away."""
        self._tables.instances.remove(instance.id)

    def _check_port(self, instance: Instance) -> None:
        if instance.port is None:
            return
        place = instance.node, instance.port
        others = self._tables.instances.where(lambda i: i.id != instance.id)
        refuse_taken((i for i in others if (i.node, i.port) == place), "port")
