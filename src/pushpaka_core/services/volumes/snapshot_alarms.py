"""Notifies owners of volumes whose snapshots are overdue."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.alarms import VolumeAlarm, is_snapshot_overdue
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.volumes.usage import (
    ReportVolumeAlarm,
    needs_snapshots,
    volumes_with_snapshots,
)

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class SnapshotAlarms:
    """
    Checks whether automatic snapshots are as recent as the policies require.

    It only compares times, so it also notices snapshots that no worker has begun.
    """

    _storage: Storage
    _report: ReportVolumeAlarm
    _now: Clock

    async def check(self) -> None:
        """Notify the owners of volumes whose snapshot has become overdue, once each."""
        now = self._now()
        async with self._storage.snapshot() as uow:
            found = await volumes_with_snapshots(uow)
        for volume, snapshots in found:
            is_overdue = _is_overdue(volume, snapshots, now=now)
            if is_overdue is not (volume.snapshot_overdue_since is not None):
                await self._store(volume.id)

    async def _store(self, id: VolumeId) -> None:
        """Store whether the snapshot is overdue, unless another worker has just done so."""
        now = self._now()
        with suppress(NotFoundError):  # It was purged since it was listed.
            async with self._storage.transaction() as uow:
                volume = await uow.volumes.visible_to(PLATFORM).get(id)
                snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(id)
                if not _is_overdue(volume, snapshots, now=now):
                    await uow.volumes.update(evolve(volume, snapshot_overdue_since=None))
                elif volume.snapshot_overdue_since is None:
                    await uow.volumes.update(evolve(volume, snapshot_overdue_since=now))
                    logger.warning("A snapshot of the volume %s is overdue.", id)
                    await self._report(
                        uow, volume, VolumeAlarm.SNAPSHOT_OVERDUE, _message(volume, snapshots)
                    )


def _is_overdue(volume: Volume, snapshots: Sequence[Snapshot], *, now: datetime) -> bool:
    return needs_snapshots(volume) and is_snapshot_overdue(volume, snapshots, now=now)


def _message(volume: Volume, snapshots: Sequence[Snapshot]) -> str:
    newest = next((one.created_at for one in snapshots if one.is_available), None)
    state = "there is none yet" if newest is None else f"the newest is from {newest:%F %R} UTC"
    return (
        f"Snapshots are due every {volume.snapshot_every} hours, but {state}. Check that a worker "
        "is running, and check the errors of the last snapshots with "
        f"`pushpaka volumes snapshots {volume.name}`."
    )
