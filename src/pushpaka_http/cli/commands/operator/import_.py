"""The command `pushpaka import`."""

from typing import BinaryIO

import anyio
import click

from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.ui.counts import export_summary


@click.command("import")
@click.argument("file", type=click.File("rb"))
def command(file: BinaryIO) -> None:
    """
    Import an export into an empty database.

    FILE is an export written by `pushpaka export`; use "-" for stdin. The import is atomic, and
    fails while `pushpaka serve` is running. Provide the keys of the exported secrets first, with
    PUSHPAKA_SECRET_KEY and PUSHPAKA_ENCRYPTION_KEYS or as keys.json in the data directory. With the
    data directory of the exported instance, the next `pushpaka serve` starts the applications
    again. Without that data directory, the applications are shown as crashed until you deploy them
    again.
    """
    from pushpaka_core.maintenance.instance import import_instance, lock_data_directory

    if file.isatty():
        raise click.UsageError(
            "An export cannot be read from a terminal. Pass a file name, or redirect stdin."
        )
    settings = Settings.from_environ()
    with lock_data_directory(settings):
        contents = anyio.run(import_instance, settings, file)
    click.echo(f"Imported {export_summary(contents)}.")
