"""Size limits of volumes: the check before a restore, and the error messages."""

from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, Volume
from pushpaka_core.errors import ConflictError


def limit_message(volume: Volume, used_bytes: int) -> str:
    """Return the error message for a *volume* that is larger than its limit, with the remedy."""
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
    """Return *size*, in bytes, as MiB. Rounds up, so that an excess is always visible."""
    return -(-size // MEBIBYTE)
