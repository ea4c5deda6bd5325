"""Problems of volumes that their owners are notified about."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume

OVERDUE_INTERVALS = 2
"""The number of intervals of the policy after which a snapshot is overdue."""


class VolumeAlarm(StrEnum):
    """A problem of a volume. The value is part of the type of webhook notifications."""

    SNAPSHOT_FAILED = "snapshot_failed"
    SNAPSHOT_OVERDUE = "snapshot_overdue"
    """The snapshot policy requires a newer snapshot than the newest one that exists."""
    RESTORE_FAILED = "restore_failed"
    SIZE_LIMIT_EXCEEDED = "size_limit_exceeded"


def is_snapshot_overdue(volume: Volume, snapshots: Sequence[Snapshot], *, now: datetime) -> bool:
    """
    Return True if the newest available snapshot is older than twice the interval of the policy.

    False without a policy. If the settings of the volume were changed later, the time counts from
    this change, so that a new policy has time for its first snapshot.

    Args:
        volume: The volume.
        snapshots: The snapshots of the volume, newest first.
        now: The current time.
    """
    if volume.snapshot_every is None:
        return False
    available = (one.created_at for one in snapshots if one.is_available)
    since = max(next(available, volume.created_at), volume.updated_at)
    return now - since > OVERDUE_INTERVALS * timedelta(hours=volume.snapshot_every)
