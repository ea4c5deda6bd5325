"""The commands of `pushpaka volumes` for snapshots."""

from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.volumes.snapshots import SnapshotStatus
from pushpaka_http.cli.commands.project.volume_choice import find_volume
from pushpaka_http.cli.commands.session import Session, with_project_option, with_session
from pushpaka_http.cli.ui.copy_progress import follow_copy, progress_text
from pushpaka_http.cli.ui.counts import format_size, pluralized
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.snapshots import SnapshotResponse
    from pushpaka_http.schemas.volumes import VolumeResponse


def _size(snapshot: "SnapshotResponse") -> str | None:
    return None if snapshot.bytes is None else format_size(snapshot.bytes)


def _progress(snapshot: "SnapshotResponse") -> tuple[int | None, int | None]:
    return snapshot.bytes_done, snapshot.bytes_total


def _restore_progress(volume: "VolumeResponse") -> tuple[int | None, int | None]:
    return volume.restore_bytes_done, volume.restore_bytes_total


def _status(snapshot: "SnapshotResponse") -> str:
    if snapshot.bytes_done is None:
        return snapshot.status
    return f"{snapshot.status}, {progress_text(*_progress(snapshot))}"


_COLUMNS: Columns = {
    "Id": "id",
    "Taken": "created_at",
    "Status": _status,
    "Automatic": "is_automatic",
    "Files": "files",
    "Size": _size,
    "Error": "error",
}


@click.command("snapshot")
@click.argument("volume")
@with_project_option
def take(session: Session, *, volume: str) -> None:
    """
    Take a snapshot of VOLUME, and wait until it is verified.

    VOLUME is a name or an id.

    Example: pushpaka volumes snapshot media
    """
    found = find_volume(session, volume)
    requested = session.client.volumes.snapshot(found.id)
    session.output.message(f"Taking a snapshot of {found.name}.")
    taken = follow_copy(
        session.output,
        lambda seconds: session.client.snapshots.get(requested.id, wait=seconds),
        is_running=lambda snapshot: snapshot.finished_at is None,
        figures=_progress,
    )
    if taken.status == SnapshotStatus.FAILED:
        raise click.ClickException(f"The snapshot failed. {taken.error}")
    session.output.result(
        taken,
        f"The snapshot is available: {pluralized(taken.files or 0, 'file')}, {_size(taken)}.",
    )
    session.output.next_step(f"pushpaka volumes restore {taken.id} NEW_NAME")


@click.command("snapshots")
@click.argument("volume")
@with_project_option
def list_(session: Session, *, volume: str) -> None:
    """
    List the snapshots of VOLUME.

    Example: pushpaka volumes snapshots media
    """
    found = find_volume(session, volume)
    listing = session.client.snapshots.list(volume_id=found.id)
    session.output.table(listing, _COLUMNS, empty_message="There are no snapshots.")


@click.command("restore")
@click.argument("snapshot")
@click.argument("name")
@with_project_option
def restore(session: Session, *, snapshot: str, name: str) -> None:
    """
    Restore SNAPSHOT into the new volume NAME.

    Waits until its files are complete. SNAPSHOT is the id of a snapshot. No existing volume is
    changed. The new volume is attached unless an attached volume has the same path. In that case,
    detach that volume, then attach the new one.

    Example: pushpaka volumes restore 018f6a1e-0000-7000-8000-000000000000 media-restored
    """
    requested = session.client.snapshots.restore(snapshot, into=name)
    session.output.message(f"Restoring into {requested.name}.")
    volume = follow_copy(
        session.output,
        lambda seconds: session.client.volumes.get(requested.id, wait=seconds),
        is_running=lambda volume: volume.restoring_since is not None,
        figures=_restore_progress,
    )
    if volume.restore_error is not None:
        raise click.ClickException(f"The restore failed. {volume.restore_error}")
    if volume.detached_at is None:
        session.output.result(
            volume, f"Restored and attached {volume.name}. The next deployment mounts it."
        )
        session.output.next_step("pushpaka deploy")
        return
    session.output.result(
        volume,
        f"Restored {volume.name} as a detached volume. To use it, detach the volume that has the "
        f"same path or name, then attach {volume.name}.",
    )
    session.output.next_step(f"pushpaka volumes attach {name}")


@click.command("delete-snapshot")
@click.argument("snapshot")
@yes_option
@with_session
def delete(session: Session, *, snapshot: str, is_confirmed: bool) -> None:
    """
    Delete SNAPSHOT. The volume and its files are unchanged.

    SNAPSHOT is the id of a snapshot.

    Example: pushpaka volumes delete-snapshot 018f6a1e-0000-7000-8000-000000000000
    """
    confirm("snapshot", snapshot, is_confirmed=is_confirmed)
    deleted = session.client.snapshots.delete(snapshot)
    session.output.result(deleted, deleted.message)
