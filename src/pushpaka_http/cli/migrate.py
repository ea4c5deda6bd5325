"""`pushpaka migrate`."""

import anyio
import click

from pushpaka_core.bootstrap import open_application
from pushpaka_core.maintenance import lock_data_directory
from pushpaka_core.settings import Settings


@click.command("migrate")
def command() -> None:
    """
    Bring the database up to date, wholly or not at all.

    `serve` does it as well when it starts. It is refused while one runs.
    """
    settings = Settings.from_environ()
    with lock_data_directory(settings):
        anyio.run(_migrate, settings)
    click.echo("The database is up to date.")


async def _migrate(settings: Settings) -> None:
    async with open_application(settings):
        return
