"""Snapshots: compressed copies of the files of a volume."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.ids import SnapshotFileId, SnapshotId, VolumeId
from pushpaka_core.domain.validation import validated_by
from pushpaka_core.domain.volumes.volumes import check_volume_name

MAX_SNAPSHOTS = 100
"""The maximum number of manual snapshots per volume. Automatic ones do not count."""


class SnapshotStatus(StrEnum):
    """The status of a snapshot."""

    PENDING = "pending"
    """The snapshot is waiting for a worker."""
    RUNNING = "running"
    """A worker is copying the files."""
    AVAILABLE = "available"
    """The snapshot was read back after it was written, and can be restored."""
    FAILED = "failed"
    """The snapshot could not be taken, and has no content."""


UNFINISHED = frozenset({SnapshotStatus.PENDING, SnapshotStatus.RUNNING})
"""The statuses of a snapshot that is not finished."""


@frozen(kw_only=True)
class SnapshotContent:
    """The stored content of a snapshot: a gzip-compressed tar archive."""

    size_bytes: int
    """The compressed size in bytes."""
    sha256: str
    """The SHA-256 of the compressed content, in hexadecimal."""
    files: int
    """The number of regular files. A file with several names counts once."""
    content_bytes: int
    """The size of the content of these files, without holes. A restore writes that much."""


@frozen(kw_only=True)
class SnapshotRestore:
    """The input for restoring a snapshot."""

    into: str = field(validator=validated_by(check_volume_name))
    """Name of the new volume. No existing volume is changed."""


@frozen(kw_only=True)
class Snapshot:
    """A copy of the files of a volume at one moment. It is deleted together with the volume."""

    id: SnapshotId
    volume_id: VolumeId
    is_automatic: bool = False
    """Whether the volume's snapshot policy took it. The policy deletes only such snapshots."""
    status: SnapshotStatus = SnapshotStatus.PENDING
    worker_node: str | None = None
    """The node whose worker takes the snapshot, and whose lease protects it, or None."""
    fence: int = 0
    """The number of the attempt. The result of an earlier attempt is rejected."""
    file_id: SnapshotFileId | None = None
    """The file of the attempt, or None before the first one."""
    size_bytes: int | None = None
    sha256: str | None = None
    files: int | None = None
    content_bytes: int | None = None
    bytes_done: int | None = None
    """The bytes that were copied, compared and read back so far, or None if it is not running."""
    bytes_total: int | None = None
    """The expected final value of `bytes_done`, or None if it is unknown."""
    error: str | None = None
    """Why the snapshot failed, or None."""
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Return True if the snapshot is available or has failed."""
        return self.status not in UNFINISHED

    @property
    def is_available(self) -> bool:
        """Return True if the snapshot can be restored."""
        return self.status is SnapshotStatus.AVAILABLE

    def is_attempt_of(self, begun: "Snapshot") -> bool:
        """Return True if the attempt that began with *begun* is still taking the snapshot."""
        return self.status is SnapshotStatus.RUNNING and self.fence == begun.fence

    def is_due_on(self, node: str) -> bool:
        """
        Return True if the snapshot is waiting for a worker, or an earlier worker of *node* was
        interrupted.
        """
        return self.status is SnapshotStatus.PENDING or (
            self.status is SnapshotStatus.RUNNING and self.worker_node == node
        )

    def begin(self, node: str, file_id: SnapshotFileId) -> Self:
        """
        Return a running copy that the worker of *node* takes, with the next fence.

        Each attempt has its own *file_id*, so that a suspended worker cannot replace the file of
        its successor.
        """
        return evolve(
            self,
            status=SnapshotStatus.RUNNING,
            worker_node=node,
            fence=self.fence + 1,
            file_id=file_id,
            bytes_done=None,
            bytes_total=None,
        )

    def complete(self, content: SnapshotContent, *, now: datetime) -> Self:
        """Return an available copy, with the content that was read back."""
        return evolve(
            self,
            status=SnapshotStatus.AVAILABLE,
            size_bytes=content.size_bytes,
            sha256=content.sha256,
            files=content.files,
            content_bytes=content.content_bytes,
            bytes_done=None,
            bytes_total=None,
            finished_at=now,
        )

    def fail(self, error: str, *, now: datetime) -> Self:
        """Return a copy that has failed because of *error*, without a file."""
        return evolve(
            self,
            status=SnapshotStatus.FAILED,
            file_id=None,
            bytes_done=None,
            bytes_total=None,
            error=error,
            finished_at=now,
        )


def is_snapshot_due(
    snapshots: Sequence[Snapshot], *, every: int | None, created_at: datetime, now: datetime
) -> bool:
    """
    Return True if the policy of a volume requires another snapshot.

    Args:
        snapshots: The snapshots of the volume, newest first.
        every: The interval in hours, or None for no automatic snapshots.
        created_at: When the volume was created.
        now: The current time.
    """
    if every is None or any(not one.is_finished for one in snapshots):
        return False
    last = next((one.created_at for one in snapshots if one.is_automatic), created_at)
    return not timedelta(0) <= now - last < timedelta(hours=every)


def expired_snapshots(snapshots: Sequence[Snapshot], *, keep: int) -> list[Snapshot]:
    """
    Return the automatic snapshots that the policy of a volume deletes.

    These are available ones beyond the newest *keep*, and failed ones older than the newest
    available one.

    Args:
        snapshots: The snapshots of the volume, newest first.
        keep: The number of automatic snapshots to keep.
    """
    automatic = [one for one in snapshots if one.is_automatic]
    available = [one for one in automatic if one.is_available]
    failed = [one for one in automatic if one.status is SnapshotStatus.FAILED]
    newest = available[0].created_at if available else None
    return available[keep:] + [one for one in failed if newest and one.created_at < newest]
