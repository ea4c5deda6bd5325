"""Creates the services of volumes and their snapshots."""

from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.integrations.notifications import NotificationQueue
from pushpaka_core.services.integrations.outbox import Outbox
from pushpaka_core.services.volumes.measurement import VolumeMeter
from pushpaka_core.services.volumes.purge import VolumePurger
from pushpaka_core.services.volumes.restorer import VolumeRestorer
from pushpaka_core.services.volumes.snapshot_alarms import SnapshotAlarms
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.services.volumes.snapshot_taker import SnapshotTaker


def volume_purger(adapters: Adapters) -> VolumePurger:
    """Return the service that deletes volumes with their files."""
    return VolumePurger(
        storage=adapters.storage,
        files=adapters.volume_files,
        snapshot_files=adapters.snapshot_files,
        audit_log=AuditLog(adapters.clock, adapters.new_id),
        now=adapters.clock,
    )


def volume_meter(adapters: Adapters) -> VolumeMeter:
    """Return the service that measures volumes."""
    return VolumeMeter(
        storage=adapters.storage,
        files=adapters.volume_files,
        report_alarm=_notification_queue(adapters).enqueue_volume_alarm,
        now=adapters.clock,
    )


def snapshot_contents(adapters: Adapters) -> SnapshotContents:
    """Return the service that copies files between volumes and snapshots."""
    return SnapshotContents(
        volume_files=adapters.volume_files, snapshot_files=adapters.snapshot_files
    )


def snapshot_taker(adapters: Adapters, options: Options) -> SnapshotTaker:
    """Return the service that takes snapshots on this node."""
    return SnapshotTaker(
        storage=adapters.storage,
        contents=snapshot_contents(adapters),
        files=adapters.snapshot_files,
        disk_reserve=DiskReserve(adapters.host, options.min_free_capacity.disk),
        report_alarm=_notification_queue(adapters).enqueue_volume_alarm,
        audit_log=AuditLog(adapters.clock, adapters.new_id),
        failpoints=adapters.failpoints,
        node=options.node.name,
        now=adapters.clock,
        new_id=adapters.new_id,
        quotas=options.quotas,
    )


def snapshot_alarms(adapters: Adapters) -> SnapshotAlarms:
    """Return the service that notifies owners of overdue snapshots."""
    return SnapshotAlarms(
        storage=adapters.storage,
        report=_notification_queue(adapters).enqueue_volume_alarm,
        now=adapters.clock,
    )


def volume_restorer(adapters: Adapters, options: Options) -> VolumeRestorer:
    """Return the service that restores snapshots into new volumes."""
    return VolumeRestorer(
        storage=adapters.storage,
        contents=snapshot_contents(adapters),
        files=adapters.volume_files,
        disk_reserve=DiskReserve(adapters.host, options.min_free_capacity.disk),
        report_alarm=_notification_queue(adapters).enqueue_volume_alarm,
        audit_log=AuditLog(adapters.clock, adapters.new_id),
        failpoints=adapters.failpoints,
        packaging=adapters.builder.packaging,
        now=adapters.clock,
    )


def _notification_queue(adapters: Adapters) -> NotificationQueue:
    return NotificationQueue(Outbox(adapters.clock, adapters.new_id), adapters.clock)
