"""Deletes detached volumes with their files and snapshots."""

from functools import partial

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.ports.volumes import SnapshotFiles, VolumeFiles
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.volumes.usage import find_restore, find_user


@frozen(kw_only=True)
class VolumePurger:
    """
    Deletes the files of detached volumes and of their snapshots, then their rows.

    The row is marked in a separate transaction before a file is deleted. A concurrent attachment is
    either committed first, so that nothing is deleted, or finds the mark and is rejected.
    """

    _storage: Storage
    _files: VolumeFiles
    _snapshot_files: SnapshotFiles
    _audit_log: AuditLog
    _now: Clock

    async def purge_due(self) -> None:
        """
        Delete the volumes whose retention time has passed, and complete interrupted deletions.

        A volume that running instances still mount, or from whose snapshot another volume is being
        restored, is kept until they have ended.
        """
        async with self._storage.snapshot() as uow:
            volumes = await uow.volumes.visible_to(PLATFORM).all()
        due = [volume for volume in volumes if volume.is_purge_due(self._now())]
        await run_all(partial(self._purge, volume.id) for volume in due)

    async def delete(self, volume: Volume) -> None:
        """
        Delete a volume that is marked as being purged, with its files and snapshots. Idempotent.

        Raises:
            RuntimeUnavailableError: If the volume's node does not respond. The next `purge_due`
                tries again.
        """
        await self._files.delete(volume)
        async with self._storage.transaction() as uow:
            snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(volume.id)
            await uow.volumes.remove(volume)
        for snapshot in snapshots:
            if snapshot.file_id is not None:
                await self._snapshot_files.remove(snapshot.file_id)

    async def _purge(self, id: VolumeId) -> None:
        marked = await self._mark(id)
        if marked is not None:
            await self.delete(marked)

    async def _mark(self, id: VolumeId) -> Volume | None:
        """Mark a volume as being purged and return it, or None if it has to be kept."""
        now = self._now()
        async with self._storage.transaction() as uow:
            try:
                volume = await uow.volumes.visible_to(PLATFORM).get(id)
            except NotFoundError:  # Purged since it was listed.
                return None
            if volume.purging_since is not None:
                return volume
            if not volume.is_purge_due(now) or await find_user(uow, id) is not None:
                return None
            snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(id)
            if await find_restore(uow, snapshots) is not None:
                return None
            marked = volume.begin_purge(now=now)
            await uow.volumes.update(marked)
            await self._audit_log.record(uow, PLATFORM, "volume.expired", id, volume.name)
        return marked
