"""Response bodies for snapshots of volumes."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.ids import SnapshotId, VolumeId
from pushpaka_core.domain.volumes.snapshots import Snapshot, SnapshotStatus
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class SnapshotResponse:
    """A snapshot of a volume."""

    id: SnapshotId
    """Id of the snapshot."""
    volume_id: VolumeId
    """Id of the volume."""
    is_automatic: bool
    """Whether the volume's snapshot policy took this snapshot, and will delete it."""
    status: SnapshotStatus
    """Status. Only an available snapshot can be restored."""
    bytes: int | None
    """Compressed size in bytes; null unless available."""
    sha256: str | None
    """SHA-256 of the gzip-compressed tar archive, in hexadecimal; null unless available."""
    files: int | None
    """Number of files; null unless available."""
    content_bytes: int | None
    """Size of the files in bytes, which a restore needs; null unless available."""
    bytes_done: int | None
    """
    Progress in bytes, null unless running.

    The files are read twice and the copy once, so it becomes about three times their size.
    """
    bytes_total: int | None
    """Expected final value of bytes_done; null if it is unknown or the snapshot is not running."""
    error: str | None
    """Why the snapshot failed; null unless it failed."""
    created_at: datetime
    """When the snapshot was requested."""
    finished_at: datetime | None
    """When the snapshot became available or failed; null before that."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Return the response for *snapshot*."""
        return from_attributes(cls, snapshot, bytes=snapshot.size_bytes)
