"""Takes the snapshots that are due on a node."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from anyio import Lock
from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.ids import SnapshotFileId, SnapshotId, VolumeId
from pushpaka_core.domain.platform.failpoints import (
    SNAPSHOT_CHECKED,
    SNAPSHOT_CLAIMED,
    SNAPSHOT_WRITTEN,
)
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.domain.volumes.snapshots import (
    Snapshot,
    SnapshotContent,
    SnapshotStatus,
    expired_snapshots,
    is_snapshot_due,
)
from pushpaka_core.domain.volumes.volumes import RETENTION, Volume
from pushpaka_core.errors import (
    LeaseLostError,
    NotFoundError,
    PushpakaError,
    StorageUnavailableError,
)
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, Failpoints, IdGenerator
from pushpaka_core.ports.volumes import SnapshotFiles
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.volumes.progress import Progress
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.services.volumes.usage import (
    ReportVolumeAlarm,
    needs_snapshots,
    volumes_with_snapshots,
)

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""The number of interrupted attempts after which a snapshot fails."""


@frozen(kw_only=True)
class SnapshotTaker:
    """
    Takes snapshots, one after another.

    Writes require the node lease: the worker that takes over a node starts its interrupted
    snapshots again, and the results of earlier attempts are rejected.
    """

    _storage: Storage
    _contents: SnapshotContents
    _files: SnapshotFiles
    _disk_reserve: DiskReserve
    _report_alarm: ReportVolumeAlarm
    _audit_log: AuditLog
    _failpoints: Failpoints
    _node: str
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def request_due(self) -> None:
        """Request the snapshots that policies require."""
        async with self._storage.snapshot() as uow:
            found = await volumes_with_snapshots(uow)
        for volume, of_volume in found:
            if self._is_due(volume, of_volume):
                await self._request(volume.id)

    async def take_due(self) -> None:
        """Take the requested snapshots, oldest first, and those that were interrupted."""
        async with self._storage.snapshot() as uow:
            unfinished = await uow.snapshots.unfinished()
        turn = Lock()
        due = [one for one in unfinished if one.is_due_on(self._node)]
        await run_all(partial(self._take_in_turn, turn, one.id) for one in due)

    async def remove_expired(self) -> None:
        """
        Delete automatic snapshots beyond the number to keep, and unneeded files.

        A file without a snapshot is kept for `RETENTION`: the snapshot may be missing because an
        older database was restored.
        """
        async with self._storage.snapshot() as uow:
            found = await volumes_with_snapshots(uow)
        restoring = {one.restored_from for one, _ in found if one.restoring_since is not None}
        for volume, of_volume in found:
            for expired in expired_snapshots(of_volume, keep=volume.snapshot_keep):
                if expired.id not in restoring:
                    await self._remove(expired, volume)
        ids = (one.file_id for _, of_volume in found for one in of_volume)
        used = {one for one in ids if one is not None}
        await self._files.remove_unused(used, now=self._now(), keep_for=RETENTION)

    def _is_due(self, volume: Volume, snapshots: Sequence[Snapshot]) -> bool:
        return needs_snapshots(volume) and is_snapshot_due(
            snapshots, every=volume.snapshot_every, created_at=volume.created_at, now=self._now()
        )

    async def _request(self, volume_id: VolumeId) -> None:
        """Request an automatic snapshot, unless another worker has just done so."""
        with suppress(NotFoundError):  # It was purged since it was listed.
            async with self._storage.transaction() as uow:
                volume = await uow.volumes.visible_to(PLATFORM).get(volume_id)
                snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(volume_id)
                if self._is_due(volume, snapshots):
                    snapshot = Snapshot(
                        id=SnapshotId(self._new_id()),
                        volume_id=volume_id,
                        is_automatic=True,
                        created_at=self._now(),
                    )
                    await uow.snapshots.add(snapshot)

    async def _take_in_turn(self, turn: Lock, id: SnapshotId) -> None:
        async with turn:
            await self._take(id)

    async def _take(self, id: SnapshotId) -> None:
        try:
            claimed = await self._claim(id)
        except NotFoundError:  # The snapshot was deleted since it was listed.
            return
        if claimed is None:
            return
        snapshot, volume, file_id = claimed
        try:
            await self._failpoints.hit(SNAPSHOT_CLAIMED)
            progress = Progress(partial(self._store_progress, snapshot), self._now)
            try:
                content = await self._copy(volume, file_id, progress)
            except (LeaseLostError, StorageUnavailableError):
                raise
            except PushpakaError as error:
                await self._finish(snapshot, snapshot.fail(str(error), now=self._now()))
                await self._files.remove(file_id)
                return
            await self._finish(snapshot, snapshot.complete(content, now=self._now()))
        except NotFoundError:  # The snapshot or its volume was deleted.
            await self._files.remove(file_id)
        except LeaseLostError:  # Another attempt has its own file.
            await self._files.remove(file_id)
            raise

    async def _claim(self, id: SnapshotId) -> tuple[Snapshot, Volume, SnapshotFileId] | None:
        """
        Begin an attempt, or return None if the snapshot is not due or has failed for good.

        Deletes the file of the interrupted attempt before.
        """
        claimed = None
        async with self._storage.transaction() as uow:
            present = await uow.snapshots.visible_to(PLATFORM).get(id)
            if not present.is_due_on(self._node):
                return None
            volume = await uow.volumes.visible_to(PLATFORM).get(present.volume_id)
            if present.fence >= MAX_ATTEMPTS:
                error = (
                    f"The snapshot was interrupted {MAX_ATTEMPTS} times. Check the server "
                    "log, and take a new snapshot."
                )
                await self._store_result(uow, present.fail(error, now=self._now()), volume)
            else:
                file_id = SnapshotFileId(self._new_id())
                claimed = present.begin(self._node, file_id), volume, file_id
                await uow.snapshots.update(claimed[0])
        if present.file_id is not None:
            await self._files.remove(present.file_id)
        return claimed

    async def _copy(
        self, volume: Volume, file_id: SnapshotFileId, progress: Progress
    ) -> SnapshotContent:
        async with self._storage.transaction() as uow:
            self._quotas.require_storage_quota(await uow.users.quota_usage(volume.user_id))
        await self._disk_reserve.require_free(volume.used_bytes or 0)
        archive_sha256 = await self._contents.copy(volume, file_id, progress)
        await self._failpoints.hit(SNAPSHOT_WRITTEN)
        content = await self._contents.check(file_id, progress, archive_sha256=archive_sha256)
        await self._failpoints.hit(SNAPSHOT_CHECKED)
        return content

    async def _store_progress(self, begun: Snapshot, done: int, total: int | None) -> None:
        async with self._storage.transaction() as uow:
            await _require_attempt(uow, begun)
            await uow.snapshots.update(evolve(begun, bytes_done=done, bytes_total=total))

    async def _finish(self, begun: Snapshot, result: Snapshot) -> None:
        """
        Store *result*, unless it belongs to an earlier attempt.

        Raises:
            LeaseLostError: If another attempt has begun.
            NotFoundError: If the snapshot was deleted in the meantime.
        """
        async with self._storage.transaction() as uow:
            await _require_attempt(uow, begun)
            volume = await uow.volumes.visible_to(PLATFORM).get(begun.volume_id)
            await self._store_result(uow, result, volume)

    async def _store_result(self, uow: UnitOfWork, result: Snapshot, volume: Volume) -> None:
        await uow.snapshots.update(result)
        if result.status is SnapshotStatus.FAILED:
            logger.warning("A snapshot of the volume %s failed: %s", volume.id, result.error)
            await self._audit_log.record(uow, PLATFORM, "snapshot.failed", result.id, volume.name)
            await self._report_alarm(uow, volume, VolumeAlarm.SNAPSHOT_FAILED, result.error or "")

    async def _remove(self, snapshot: Snapshot, volume: Volume) -> None:
        """Delete an expired snapshot: the row first, so that no row lacks its file."""
        async with self._storage.transaction() as uow:
            await uow.snapshots.remove(snapshot)
            await self._audit_log.record(
                uow, PLATFORM, "snapshot.expired", snapshot.id, volume.name
            )
        if snapshot.file_id is not None:
            await self._files.remove(snapshot.file_id)


async def _require_attempt(uow: UnitOfWork, begun: Snapshot) -> None:
    """Raise LeaseLostError if another attempt has begun, NotFoundError after a deletion."""
    present = await uow.snapshots.visible_to(PLATFORM).get(begun.id)
    if not present.is_attempt_of(begun):
        raise LeaseLostError(f"snapshot {begun.id}")
