"""Measures the disk space of volumes."""

from contextlib import suppress
from datetime import timedelta

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.timeouts import has_passed
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError, RuntimeUnavailableError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.services.volumes.size_limits import limit_message
from pushpaka_core.services.volumes.usage import ReportVolumeAlarm

INTERVAL = timedelta(hours=1)
"""The time between two measurements of a volume. A measurement reads all directories."""


@frozen(kw_only=True)
class VolumeMeter:
    """Measures the disk space of volumes, for users, quotas, limits and metrics."""

    _storage: Storage
    _files: VolumeFiles
    _report_alarm: ReportVolumeAlarm
    _now: Clock

    async def measure(self, volume: Volume) -> Volume:
        """
        Return *volume* with the disk space that its files use now.

        The last measurement is kept if the volume has no files yet, or its node does not respond.
        """
        try:
            used_bytes = await self._files.used_bytes(volume)
        except (NotFoundError, RuntimeUnavailableError):
            return volume
        now = self._now()
        return evolve(volume, used_bytes=used_bytes, measured_at=now).check_limit(now=now)

    async def measure_due(self) -> None:
        """
        Measure the volumes that are due, one after another, and store the results.

        The owner of a volume that has become larger than its limit is notified once.
        """
        async with self._storage.snapshot() as uow:
            volumes = await uow.volumes.visible_to(PLATFORM).all()
        for volume in volumes:
            measured = await self.measure(volume) if self._is_due(volume) else volume
            measured = measured.check_limit(now=self._now())
            if measured != volume:
                await self._store(measured)

    def _is_due(self, volume: Volume) -> bool:
        return volume.measured_at is None or has_passed(
            volume.measured_at + INTERVAL, now=self._now(), max_distance=INTERVAL
        )

    async def _store(self, measured: Volume) -> None:
        with suppress(NotFoundError):  # It was purged since it was listed.
            async with self._storage.transaction() as uow:
                present = await uow.volumes.visible_to(PLATFORM).get(measured.id)
                stored = evolve(
                    present, used_bytes=measured.used_bytes, measured_at=measured.measured_at
                ).check_limit(now=self._now())
                await uow.volumes.update(stored)
                is_new = stored.over_limit_since is not None and present.over_limit_since is None
                if is_new and stored.used_bytes is not None:
                    error = limit_message(stored, stored.used_bytes)
                    await self._report_alarm(uow, stored, VolumeAlarm.SIZE_LIMIT_EXCEEDED, error)
