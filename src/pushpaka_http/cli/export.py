"""`pushpaka export`."""

import sys
from pathlib import Path

import anyio
import click

from pushpaka_core.settings import Settings
from pushpaka_http.cli.contents import in_words, keys_in_words


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def command(file: Path) -> None:
    """
    Write all that the instance knows into FILE, for `pushpaka import` elsewhere.

    It is one moment's state; a serve may run meanwhile, but end it first to move for good.
    Secrets stay encrypted, and the keys are not in the file: they have to travel by
    another way. What was built is not in it either. FILE is replaced where it exists;
    - is the standard output.
    """
    from pushpaka_core.maintenance import export_file, export_instance

    settings = Settings.from_environ()
    if file == Path("-"):
        if sys.stdout.isatty():
            raise click.UsageError("An export is not for a terminal. Name a file.")
        contents = anyio.run(export_instance, settings, sys.stdout.buffer)
        sys.stdout.flush()
    else:
        with export_file(file) as opened:
            contents = anyio.run(export_instance, settings, opened)
    click.echo(f"Exported {in_words(contents)}.", err=True)
    click.echo(keys_in_words(contents), err=True)
