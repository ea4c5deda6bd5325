"""Refuses what would add files to a volume that is larger than its limit."""

from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, Volume
from pushpaka_core.errors import ConflictError


def limit_message(volume: Volume, used_bytes: int) -> str:
    """Return that *volume* is larger than its limit, and the remedy, as two sentences."""
    return (
        f'The volume "{volume.name}" uses {_rounded_up(used_bytes):,} MiB, and its size limit is '
        f"{volume.size_limit:,} MiB. Delete files, or raise the limit with "
        f"`pushpaka volumes update {volume.name} --size-limit MIB`."
    )


def require_within_limit(snapshot: Snapshot, volume: Volume) -> None:
    """Raise ConflictError if the files of *snapshot* are larger than the limit of *volume*."""
    limit, size = volume.size_limit, snapshot.content_bytes
    if limit is not None and size is not None and size > limit * MEBIBYTE:
        raise ConflictError(
            f"The snapshot's files use {_rounded_up(size):,} MiB, and the size limit of the "
            f'volume "{volume.name}" is {limit:,} MiB. Raise the limit, and restore the snapshot '
            "again."
        )


def _rounded_up(size: int) -> int:
    """Return a number of bytes in MiB, so that more than a limit is never shown as the limit."""
    return -(-size // MEBIBYTE)
