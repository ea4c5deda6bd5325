"""`pushpaka migrate`."""

from contextlib import nullcontext

import anyio
import click

from pushpaka_core.settings import Settings


@click.command("migrate")
def command() -> None:
    """
    Bring the database up to date, wholly or not at all.

    Run it with the new version before its processes are started. Those of the version before
    go on meanwhile, and beside the new ones. Where a change is too large for that it is refused
    while one of them uses the data directory; end those elsewhere as well then.
    """
    from pushpaka_core.maintenance import lock_data_directory, migrate_instance, spares_what_runs

    settings = Settings.from_environ()
    spares = anyio.run(spares_what_runs, settings)
    with nullcontext() if spares else lock_data_directory(settings):
        anyio.run(migrate_instance, settings)
    click.echo("The database is up to date.")
