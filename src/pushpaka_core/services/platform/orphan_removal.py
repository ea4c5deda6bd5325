"""Removes instances, workspaces and artifacts that no row references."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS, SERVING
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.instances.removal import InstanceRemoval

_SCRATCH_KEPT = timedelta(hours=1)
"""Scratch directories are removed after this time. No operation needs one for that long."""


@frozen(kw_only=True)
class OrphanRemoval:
    """
    Removes orphans, which crashed workers leave behind.

    It only considers instances, artifacts and files that are labeled as belonging to this instance
    of Pushpaka.
    """

    _storage: Storage
    _runtime: Runtime
    _builder: Builder
    _workspaces: Workspaces
    _removal: InstanceRemoval

    async def remove_orphaned_rows(self) -> None:
        """Remove instances whose deployment has ended, or that were started under an old lease."""
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.all()
            active = await uow.deployments.all([*IN_PROGRESS, *SERVING])
        leases = {d.lease for d in active}
        orphans = [instance for instance in instances if instance.lease not in leases]
        # Instances of a rolled back deployment may still have routes.
        routed = [orphan for orphan in orphans if orphan.is_routed]
        others = [orphan for orphan in orphans if not orphan.is_routed]
        await run_all(
            [
                partial(self._removal.remove_routed, routed),
                partial(self._removal.remove_all, others),
            ]
        )

    async def stop_unknown_instances(self) -> None:
        """
        Stop instances without a row.

        A row is created before its instance, so the instances are listed before the rows.
        """
        observed = await self._runtime.instances()
        async with self._storage.snapshot() as uow:
            known = {i.name for i in await uow.instances.all()}
        unknown = [instance.name for instance in observed if instance.name not in known]
        await run_all(partial(self._removal.remove_by_name, name) for name in unknown)

    async def remove_runtime_leftovers(self) -> None:
        """Remove runtime resources of instances that no longer exist, such as networks."""
        await self._runtime.remove_unused_resources()

    async def remove_orphaned_workspaces(self) -> None:
        """Remove old scratch directories, and the files of leases that are no longer held."""
        await self._workspaces.remove_old_scratch(_SCRATCH_KEPT)
        found = await self._workspaces.leases()
        held_leases = await self._held_leases()
        for lease in found:
            if lease not in held_leases:
                await self._workspaces.remove(lease)

    async def remove_orphaned_artifacts(self) -> None:
        """Remove artifacts that belong neither to a release nor to a build in progress."""
        found = await self._builder.artifacts()
        held_leases = await self._held_leases()
        async with self._storage.snapshot() as uow:
            released = {release.artifact for release in await uow.releases.all()}
        for artifact, lease in found.items():
            if artifact not in released and lease not in held_leases:
                await self._builder.remove(artifact)

    async def _held_leases(self) -> Collection[Lease]:
        async with self._storage.snapshot() as uow:
            return {observation.lease for observation in await uow.deployments.leases()}
