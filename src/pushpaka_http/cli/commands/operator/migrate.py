"""The command `pushpaka migrate`."""

from contextlib import nullcontext

import anyio
import click

from pushpaka_core.settings.settings import Settings


@click.command("migrate")
def command() -> None:
    """
    Update the database schema.

    The update is atomic. After you install a new version, run this command before you start
    processes of that version. Processes of the previous version can usually keep running, even
    alongside new ones. If an update does not allow that, the command fails while a process uses the
    data directory. In that case, stop all processes first, including those on other machines.
    """
    from pushpaka_core.maintenance.instance import (
        can_migrate_online,
        lock_data_directory,
        migrate_instance,
    )

    settings = Settings.from_environ()
    is_online = anyio.run(can_migrate_online, settings)
    with nullcontext() if is_online else lock_data_directory(settings):
        anyio.run(migrate_instance, settings)
    click.echo("The database schema is up to date.")
