"""Snapshots of volumes: request, list, restore and delete them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from anyio import move_on_after, sleep
from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.ids import SnapshotId, VolumeId
from pushpaka_core.domain.volumes.snapshots import (
    MAX_SNAPSHOTS,
    Snapshot,
    SnapshotRestore,
)
from pushpaka_core.domain.volumes.volumes import RETENTION, Volume
from pushpaka_core.errors import ConflictError, DuplicateError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.ports.volumes import SnapshotFiles
from pushpaka_core.services.accounts.permissions import get_snapshot, get_volume
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.volumes.size_limits import require_within_limit
from pushpaka_core.services.volumes.usage import attached_volumes, find_restore


@frozen(kw_only=True)
class SnapshotService:
    """Manages snapshots. A worker takes and restores them."""

    _storage: Storage
    _files: SnapshotFiles
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator
    _poll_interval: timedelta
    _quotas: Quotas = field(factory=Quotas)

    async def take(self, actor: Actor, volume_id: VolumeId) -> Snapshot:
        """
        Request a snapshot of a volume.

        Raises:
            ConflictError: If the volume has no files yet, its files are incomplete or being
                deleted, another snapshot is not finished, or there are `MAX_SNAPSHOTS`.
            NotFoundError: If *actor* cannot view the volume.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            QuotaReachedError: If the owner has the maximum size of volumes and snapshots.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            volume = await get_volume(uow, actor, volume_id, ProjectRole.OWNER)
            _require_files(volume)
            present = await uow.snapshots.visible_to(actor).of_volume(volume_id)
            _require_room(volume, present)
            self._quotas.require_storage_quota(await uow.users.quota_usage(volume.user_id))
            snapshot = Snapshot(
                id=SnapshotId(self._new_id()), volume_id=volume_id, created_at=self._now()
            )
            await uow.snapshots.add(snapshot)
            await self._audit_log.record(uow, actor, "snapshot.created", snapshot.id, volume.name)
        return snapshot

    async def all(self, actor: Actor, volume_id: VolumeId | None = None) -> Sequence[Snapshot]:
        """
        Return the snapshots of a volume, or of all volumes that *actor* can view, newest first.

        Raises:
            NotFoundError: If *actor* cannot view the volume.
        """
        async with self._storage.snapshot() as uow:
            if volume_id is None:
                return await uow.snapshots.visible_to(actor).all()
            await get_volume(uow, actor, volume_id, ProjectRole.VIEWER)
            return await uow.snapshots.visible_to(actor).of_volume(volume_id)

    async def newest_by_volume(self, actor: Actor) -> Mapping[VolumeId, datetime]:
        """Return the time of the newest available snapshot of each volume that has one."""
        found = await self.all(actor)
        return {one.volume_id: one.created_at for one in reversed(found) if one.is_available}

    async def get(self, actor: Actor, id: SnapshotId) -> Snapshot:
        """
        Return a snapshot.

        Raises:
            NotFoundError: If *actor* cannot view the snapshot.
        """
        async with self._storage.snapshot() as uow:
            snapshot, _ = await get_snapshot(uow, actor, id, ProjectRole.VIEWER)
        return snapshot

    async def wait(self, actor: Actor, id: SnapshotId, timeout: timedelta) -> Snapshot:
        """
        Wait until a snapshot is available or has failed, or until *timeout*, and return it.

        Raises:
            NotFoundError: If *actor* cannot view the snapshot, or it is deleted while waiting.
        """
        snapshot = await self.get(actor, id)
        with move_on_after(timeout.total_seconds()):
            while not snapshot.is_finished:
                await sleep(self._poll_interval.total_seconds())
                snapshot = await self.get(actor, id)
        return snapshot

    async def wait_for_restore(self, actor: Actor, id: VolumeId, timeout: timedelta) -> None:
        """
        Wait until the files of a volume are restored, or could not be, or until *timeout*.

        Raises:
            NotFoundError: If *actor* cannot view the volume, or it is deleted while waiting.
        """
        with move_on_after(timeout.total_seconds()):
            is_restoring = await self._is_restoring(actor, id)
            while is_restoring:
                await sleep(self._poll_interval.total_seconds())
                is_restoring = await self._is_restoring(actor, id)

    async def restore(self, actor: Actor, id: SnapshotId, restore: SnapshotRestore) -> Volume:
        """
        Create a volume, and let a worker restore the files of a snapshot into it.

        The volume is detached until its files are complete. It is then attached, unless it belongs
        to a preview, or an attached volume has the same name or an overlapping path.

        Raises:
            ConflictError: If the snapshot is not available or is being deleted with its volume, or
                its files are larger than the size limit of the volume.
            DuplicateError: If the target has an attached volume of that name.
            NotFoundError: If *actor* cannot view the snapshot.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            QuotaReachedError: If the owner has the maximum number or size of volumes.
        """
        actor.require_scope(Scope.FULL)
        now = self._now()
        async with self._storage.transaction() as uow:
            snapshot, source = await get_snapshot(uow, actor, id, ProjectRole.OWNER)
            if not snapshot.is_available:
                raise ConflictError(
                    f'The snapshot cannot be restored, because its status is "{snapshot.status}". '
                    "Use a snapshot that is available."
                )
            source.require_complete()
            require_within_limit(snapshot, source)
            await _require_free_name(uow, source, restore.into)
            self._quotas.require_volume_quota(await uow.users.quota_usage(source.user_id))
            volume = Volume(
                id=VolumeId(self._new_id()),
                user_id=source.user_id,
                project_id=source.project_id,
                target=source.target,
                name=restore.into,
                mount_path=source.mount_path,
                access=source.access,
                preview=source.preview,
                size_limit=source.size_limit,
                created_at=now,
                updated_at=now,
                detached_at=now,
                purge_after=now + RETENTION,
                restored_from=id,
                restoring_since=now,
            )
            await uow.volumes.add(volume)
            await self._audit_log.record(uow, actor, "snapshot.restored", id, volume.name)
        return volume

    async def delete(self, actor: Actor, id: SnapshotId) -> Snapshot:
        """
        Delete a snapshot with its file. The volume is unchanged.

        Raises:
            ConflictError: If a volume is being restored from it.
            NotFoundError: If *actor* cannot view the snapshot.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            snapshot, volume = await get_snapshot(uow, actor, id, ProjectRole.OWNER)
            if (other := await find_restore(uow, [snapshot])) is not None:
                raise ConflictError(
                    f'The volume "{other.name}" is being restored from this snapshot. Try again '
                    "later."
                )
            await uow.snapshots.remove(snapshot)
            await self._audit_log.record(uow, actor, "snapshot.deleted", id, volume.name)
        # If this is interrupted, `SnapshotTaker.remove_expired` deletes the file later.
        if snapshot.file_id is not None:
            await self._files.remove(snapshot.file_id)
        return snapshot

    async def _is_restoring(self, actor: Actor, id: VolumeId) -> bool:
        async with self._storage.snapshot() as uow:
            volume = await get_volume(uow, actor, id, ProjectRole.VIEWER)
        return volume.restoring_since is not None


async def _require_free_name(uow: UnitOfWork, source: Volume, name: str) -> None:
    if source.project_id is not None:
        others = await attached_volumes(uow, source.project_id, source.target)
        if any(other.name == name for other in others):
            raise DuplicateError("volume name")


def _require_files(volume: Volume) -> None:
    volume.require_complete()
    if volume.node is None:
        raise ConflictError(
            f'The volume "{volume.name}" has no files yet. Deploy the project first.'
        )


def _require_room(volume: Volume, present: Sequence[Snapshot]) -> None:
    if any(not one.is_finished for one in present):
        raise ConflictError(
            f'A snapshot of the volume "{volume.name}" is being taken. Wait until it has finished.'
        )
    if len([one for one in present if not one.is_automatic]) >= MAX_SNAPSHOTS:
        raise ConflictError(
            f'The volume "{volume.name}" has {MAX_SNAPSHOTS} snapshots, which is the maximum. '
            "Delete one first."
        )
