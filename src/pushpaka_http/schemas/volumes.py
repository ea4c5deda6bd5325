"""Response bodies for volumes."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.ids import ProjectId, SnapshotId, UserId, VolumeId
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume, Volume
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class VolumeResponse:
    """A volume, which keeps a project's files across deployments."""

    id: VolumeId
    """Id of the volume."""
    project_id: ProjectId | None
    """Id of the project; null after the project was deleted."""
    user_id: UserId
    """Id of the owner."""
    target: str
    """Target whose deployments mount the volume: "production", or "preview:<branch>"."""
    name: str
    """Name, unique among the attached volumes of the target."""
    mount_path: str
    """Path at which the app finds the files: relative to the app, or absolute in a container."""
    access: VolumeAccess
    """Whether one or many instances can use the files at the same time."""
    preview: PreviewVolume
    """Volume for each preview: none, an empty one, or a copy."""
    size_limit: int | None
    """Maximum size in MiB; null for no limit. Larger volumes are reported, and not deployed."""
    snapshot_every: int | None
    """Hours between automatic snapshots; null for none."""
    snapshot_keep: int
    """Number of automatic snapshots that are kept."""
    node: str | None
    """Name of the node that stores the files; null before the first deployment with the volume."""
    used_bytes: int | None
    """Disk space used by the files, in bytes; null if it was not measured yet."""
    measured_at: datetime | None
    """When the disk space was measured; null if files were added since, or it never was."""
    over_limit_since: datetime | None
    """Since when the files are larger than the size limit; null if they are not."""
    snapshot_overdue_since: datetime | None
    """Since when an automatic snapshot is overdue; null if none is."""
    created_at: datetime
    """When the volume was created."""
    updated_at: datetime
    """When the volume's settings last changed."""
    detached_at: datetime | None
    """When the volume was detached; null if it is attached."""
    purge_after: datetime | None
    """When the files of a detached volume will be deleted; null if the volume is attached."""
    restored_from: SnapshotId | None
    """Id of the snapshot that the volume was created from; null if there is none."""
    restoring_since: datetime | None
    """When the restore of the files began; null if none is in progress."""
    restore_bytes_done: int | None
    """Progress of the restore in compressed bytes; null unless the files are being restored."""
    restore_bytes_total: int | None
    """Compressed size of the snapshot; null unless the files are being restored."""
    restore_error: str | None
    """
    Why the files could not be restored; null if no restore failed. After a failed restore, the
    volume can only be purged.
    """

    @classmethod
    def of(cls, volume: Volume) -> Self:
        """Return the response for *volume*."""
        return from_attributes(cls, volume)
