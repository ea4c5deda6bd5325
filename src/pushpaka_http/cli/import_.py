"""`pushpaka import`."""

from typing import BinaryIO

import anyio
import click

from pushpaka_core.settings import Settings
from pushpaka_http.cli.contents import in_words


@click.command("import")
@click.argument("file", type=click.File("rb"))
def command(file: BinaryIO) -> None:
    """
    Fill an empty database from a FILE of `pushpaka export`, wholly or not at all.

    The keys of its secrets have to be there first: PUSHPAKA_SECRET_KEY and
    PUSHPAKA_ENCRYPTION_KEYS, or keys.json in the data directory. What ran is started
    again, or goes on, by the next `serve` where it was built, in the same data directory;
    elsewhere it is shown as crashed until its commit is deployed again. It is refused
    while a serve runs. - is the standard input.
    """
    from pushpaka_core.maintenance import import_instance, lock_data_directory

    if file.isatty():
        raise click.UsageError("An export is not read from a terminal. Name a file.")
    settings = Settings.from_environ()
    with lock_data_directory(settings):
        contents = anyio.run(import_instance, settings, file)
    click.echo(f"Imported {in_words(contents)}.")
