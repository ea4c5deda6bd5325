"""Restores snapshots into new volumes."""

import logging
from contextlib import suppress
from functools import partial

from anyio import Lock
from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import SnapshotId, VolumeId
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.domain.platform.failpoints import RESTORE_CREATED, RESTORE_WRITTEN
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import (
    LeaseLostError,
    NotFoundError,
    PushpakaError,
    StorageUnavailableError,
)
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, Failpoints
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.volumes.progress import Progress
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.services.volumes.usage import (
    ReportVolumeAlarm,
    attached_volumes,
    attachment_problems,
)

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class VolumeRestorer:
    """
    Writes the files of snapshots into new volumes, which stay detached until they are complete.

    An interrupted restore is repeated: it writes the same files again.
    """

    _storage: Storage
    _contents: SnapshotContents
    _files: VolumeFiles
    _disk_reserve: DiskReserve
    _report_alarm: ReportVolumeAlarm
    _audit_log: AuditLog
    _failpoints: Failpoints
    _packaging: Packaging
    _now: Clock

    async def restore_due(self) -> None:
        """Restore all volumes whose restore was requested or interrupted, one after another."""
        async with self._storage.snapshot() as uow:
            due = await uow.volumes.restoring()
        turn = Lock()
        await run_all(partial(self._restore_in_turn, turn, volume) for volume in due)

    async def _restore_in_turn(self, turn: Lock, volume: Volume) -> None:
        async with turn:
            error = None
            try:
                volume = await self._restore(volume)
            except (LeaseLostError, StorageUnavailableError):
                raise
            except PushpakaError as failure:
                error = str(failure)
            await self._finish(volume, error)

    async def _restore(self, volume: Volume) -> Volume:
        """Write the files of the snapshot, and return the volume with the node that stores it."""
        snapshot = await self._snapshot_of(volume.restored_from)
        await self._disk_reserve.require_free(snapshot.content_bytes or 0)
        node = await self._files.create(volume)
        await self._failpoints.hit(RESTORE_CREATED)
        progress = Progress(
            partial(self._store_progress, volume.id), self._now, snapshot.size_bytes
        )
        await self._contents.restore(snapshot, volume, progress)
        await self._failpoints.hit(RESTORE_WRITTEN)
        return evolve(volume, node=node)

    async def _store_progress(self, id: VolumeId, done: int, total: int | None) -> None:
        async with self._storage.transaction() as uow:
            present = await uow.volumes.visible_to(PLATFORM).get(id)
            if present.restoring_since is None:
                raise LeaseLostError(f"volume {id}")
            await uow.volumes.update(
                evolve(present, restore_bytes_done=done, restore_bytes_total=total)
            )

    async def _snapshot_of(self, id: SnapshotId | None) -> Snapshot:
        if id is None:
            raise NotFoundError("snapshot")
        async with self._storage.snapshot() as uow:
            return await uow.snapshots.visible_to(PLATFORM).get(id)

    async def _finish(self, restored: Volume, error: str | None) -> None:
        now = self._now()
        async with self._storage.transaction() as uow:
            if restored.project_id is not None:
                with suppress(NotFoundError):
                    # Lock the project before the volume, as deployments do.
                    await uow.projects.visible_to(PLATFORM).get(restored.project_id)
            present = await _find(uow, restored.id)
            if present is None or present.restoring_since is None:
                return
            finished = evolve(present, node=restored.node).finish_restore(now=now, error=error)
            if error is None:
                attached = await self._attached(uow, finished)
                await uow.volumes.update(attached or finished)
                await self._audit_log.record(
                    uow, PLATFORM, "volume.restored", present.id, present.name
                )
                return
            await uow.volumes.update(finished)
            logger.warning("The volume %s could not be restored: %s", present.id, error)
            await self._audit_log.record(
                uow, PLATFORM, "volume.restore_failed", present.id, present.name
            )
            await self._report_alarm(uow, present, VolumeAlarm.RESTORE_FAILED, error)

    async def _attached(self, uow: UnitOfWork, volume: Volume) -> Volume | None:
        """
        Return the volume attached to production, or None if that is not possible.

        This is the case for a volume of a preview, and if its name or path is taken.
        """
        if volume.project_id is None or volume.target != PRODUCTION:
            return None
        project = await uow.projects.visible_to(PLATFORM).get(volume.project_id)
        others = await attached_volumes(uow, project.id, volume.target)
        if any(other.name == volume.name for other in others) or await attachment_problems(
            uow, project, volume, in_container=self._packaging is Packaging.IMAGE
        ):
            return None
        return volume.attach(project.id, volume.target, now=self._now())


async def _find(uow: UnitOfWork, id: VolumeId) -> Volume | None:
    try:
        return await uow.volumes.visible_to(PLATFORM).get(id)
    except NotFoundError:  # Its row was removed.
        return None
