"""The command `pushpaka volumes`."""

from typing import TYPE_CHECKING

import click
from attrs import evolve

from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.project import volume_files, volume_settings, volume_snapshots
from pushpaka_http.cli.commands.project.volume_choice import find_volume
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.copy_progress import progress_text
from pushpaka_http.cli.ui.counts import pluralized
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.volumes import VolumeResponse

_MEBIBYTE = 2**20


def _size(volume: "VolumeResponse") -> str | None:
    return None if volume.used_bytes is None else f"{volume.used_bytes / _MEBIBYTE:.1f} MiB"


def _limit(volume: "VolumeResponse") -> str | None:
    return None if volume.size_limit is None else f"{volume.size_limit:,} MiB"


def _notes(volume: "VolumeResponse") -> str | None:
    notes = []
    if volume.over_limit_since is not None:
        notes.append("over its limit")
    if volume.snapshot_overdue_since is not None:
        notes.append("snapshot overdue")
    if volume.restoring_since is not None:
        figures = volume.restore_bytes_done, volume.restore_bytes_total
        notes.append(f"restoring: {progress_text(*figures)}")
    if volume.restore_error is not None:
        notes.append("restore failed")
    return ", ".join(notes) or None


_COLUMNS: Columns = {
    "Name": "name",
    "Target": "target",
    "Path": "mount_path",
    "Access": "access",
    "Size": _size,
    "Limit": _limit,
    "Node": "node",
    "Kept until": "purge_after",
    "Notes": _notes,
}


@click.group("volumes", cls=ListingGroup)
def command() -> None:
    """
    Keep files across deployments: manage volumes.

    Without a subcommand, list them.
    """


for _subcommand in (
    volume_snapshots.take,
    volume_snapshots.list_,
    volume_snapshots.restore,
    volume_snapshots.delete,
    volume_settings.update,
    volume_files.get,
    volume_files.put,
):
    command.add_command(_subcommand)


@command.command("list")
@click.option(
    "--detached", "is_detached", is_flag=True, help="List the detached volumes of all projects."
)
@with_project_option
def list_(session: Session, *, is_detached: bool = False) -> None:
    """
    List the volumes of a project.

    Example: pushpaka volumes list
    """
    listing = session.client.volumes.list()
    chosen = [
        one
        for one in listing.data
        if (one.detached_at is not None if is_detached else one.project_id == session.project.id)
    ]
    session.output.table(
        evolve(listing, data=chosen), _COLUMNS, empty_message="There are no volumes."
    )


@command.command("create")
@click.argument("name")
@click.argument("path")
@click.option(
    "--access",
    type=choice_of(VolumeAccess),
    default=VolumeAccess.ONE.value,
    show_default=True,
    help="How many instances can use the files at the same time.",
)
@click.option(
    "--preview",
    type=choice_of(PreviewVolume),
    default=PreviewVolume.NONE.value,
    show_default=True,
    help="Volume for each preview: none, an empty one, or a copy of production's newest snapshot.",
)
@click.option("--size-limit", type=int, metavar="MIB", help="Maximum size of the files, in MiB.")
@click.option(
    "--snapshot-every", type=int, metavar="HOURS", help="Hours between automatic snapshots."
)
@click.option(
    "--snapshot-keep", type=int, metavar="N", help="Number of automatic snapshots to keep."
)
@with_project_option
def create(
    session: Session,
    *,
    name: str,
    path: str,
    access: str,
    preview: str,
    size_limit: int | None,
    snapshot_every: int | None,
    snapshot_keep: int | None,
) -> None:
    """
    Create the volume NAME, which the app finds at PATH.

    PATH is relative to the directory of the app. Servers that run apps in containers also accept an
    absolute path.

    Example: pushpaka volumes create media media
    """
    volume = session.client.volumes.create(
        project_id=session.project.id,
        name=name,
        mount_path=path,
        access=access,
        preview=preview,
        size_limit=size_limit,
        snapshot_every=snapshot_every,
        snapshot_keep=snapshot_keep,
    )
    session.output.result(volume, f"Created {volume.name}. The next deployment mounts it.")
    session.output.next_step("pushpaka deploy")


@command.command("detach")
@click.argument("volume")
@with_project_option
def detach(session: Session, *, volume: str) -> None:
    """
    Detach VOLUME, and keep its files for 7 days.

    The next deployment runs without it. VOLUME is a name or an id.

    Example: pushpaka volumes detach media
    """
    found = find_volume(session, volume, is_detached=False)
    detached = session.client.volumes.detach(found.id)
    session.output.result(detached, f"Detached {found.name}. {detached.message}")
    session.output.next_step(f"pushpaka volumes attach {found.name}")


@command.command("attach")
@click.argument("volume")
@with_project_option
def attach(session: Session, *, volume: str) -> None:
    """
    Attach the detached VOLUME to a project.

    VOLUME is the name or the ID of one of your detached volumes.

    Example: pushpaka volumes attach media
    """
    found = find_volume(session, volume, is_detached=True)
    project = session.project
    project_id = None if found.project_id == project.id else project.id
    attached = session.client.volumes.attach(found.id, project_id=project_id)
    session.output.result(
        attached, f"Attached {found.name} to {project.name}. The next deployment mounts it."
    )
    session.output.next_step("pushpaka deploy")


@command.command("purge")
@click.argument("volume")
@yes_option
@with_project_option
def purge(session: Session, *, volume: str, is_confirmed: bool) -> None:
    """
    Delete the detached VOLUME with files and snapshots.

    They cannot be restored.

    Example: pushpaka volumes purge media
    """
    found = find_volume(session, volume, is_detached=True)
    snapshots = session.client.snapshots.list(volume_id=found.id).data
    if snapshots:
        session.output.message(f"This also deletes its {pluralized(len(snapshots), 'snapshot')}.")
    confirm("volume", found.name, is_confirmed=is_confirmed)
    purged = session.client.volumes.purge(found.id, name=found.name)
    session.output.result(purged, f"Deleted {found.name}, its files and its snapshots.")
