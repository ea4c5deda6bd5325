"""The command `pushpaka volumes update`."""

from typing import Any

import click

from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.project.volume_choice import find_volume
from pushpaka_http.cli.commands.session import Session, with_project_option

_NONE = "none"


def _number_or_none(_: click.Context, __: click.Parameter, value: str | None) -> int | str | None:
    """Return a whole number, or *value* itself if it is None or "none" (to remove the setting)."""
    if value is None or value == _NONE:
        return value
    if not value.isdecimal():
        raise click.BadParameter(f'"{value}" is not a whole number or "{_NONE}".')
    return int(value)


@click.command("update")
@click.argument("volume")
@click.option("--name", help="New name.")
@click.option("--path", "mount_path", help="Where the app finds the files.")
@click.option(
    "--access",
    type=choice_of(VolumeAccess),
    help="How many instances can use the files at the same time.",
)
@click.option("--preview", type=choice_of(PreviewVolume), help="What previews get.")
@click.option(
    "--size-limit",
    callback=_number_or_none,
    metavar="MIB",
    help='Maximum size of the files in MiB, or "none".',
)
@click.option(
    "--snapshot-every",
    callback=_number_or_none,
    metavar="HOURS",
    help='Hours between automatic snapshots, or "none".',
)
@click.option(
    "--snapshot-keep", type=int, metavar="N", help="Number of automatic snapshots to keep."
)
@with_project_option
def update(session: Session, *, volume: str, **options: Any) -> None:
    """
    Change the settings of VOLUME, from the next deployment.

    Settings that you leave out stay unchanged. VOLUME is a name or an id.

    Example: pushpaka volumes update media --size-limit 2048 --snapshot-every 24
    """
    changes: Any = {
        name: None if value == _NONE and name != "preview" else value
        for name, value in options.items()
        if value is not None
    }
    if not changes:
        raise click.UsageError("There is nothing to change. Use an option such as --size-limit.")
    found = find_volume(session, volume)
    updated = session.client.volumes.update(found.id, **changes)
    effect = (
        "The next deployment uses the settings."
        if updated.detached_at is None
        else "The volume is detached, so no deployment uses it."
    )
    session.output.result(updated, f"Changed {updated.name}. {effect}")
