"""The command `pushpaka export`."""

import sys
from pathlib import Path

import anyio
import click

from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.ui.counts import export_summary, required_keys_message


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def command(file: Path) -> None:
    """
    Export the instance to a file.

    Import FILE with `pushpaka import` on another machine. The export is a consistent snapshot, even
    while `pushpaka serve` is running; to move the instance permanently, stop `pushpaka serve`
    first. Secrets stay encrypted, and the export does not include their keys: transfer the keys
    separately. The export does not include builds. An existing FILE is replaced; use "-" for
    stdout.
    """
    from pushpaka_core.maintenance.instance import export_file, export_instance

    settings = Settings.from_environ()
    if file == Path("-"):
        if sys.stdout.isatty():
            raise click.UsageError(
                "An export cannot be printed to a terminal. Pass a file name, or redirect stdout."
            )
        contents = anyio.run(export_instance, settings, sys.stdout.buffer)
        sys.stdout.flush()
    else:
        with export_file(file) as opened:
            contents = anyio.run(export_instance, settings, opened)
    click.echo(f"Exported {export_summary(contents)}.", err=True)
    click.echo(required_keys_message(contents), err=True)
