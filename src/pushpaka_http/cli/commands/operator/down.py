"""The command `pushpaka down`."""

import anyio
import click

from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.ui.counts import pluralized


@click.command("down")
def command() -> None:
    """
    Stop all applications and the router.

    Applications and the router keep running when `pushpaka serve` ends, until this command stops
    them. All data is kept, and the next `pushpaka serve` starts the applications again. The command
    fails while `pushpaka serve` is running.
    """
    from pushpaka_core.maintenance.instance import lock_data_directory, stop_everything

    settings = Settings.from_environ()
    if not settings.data_directory.is_dir():
        click.echo(f"Nothing is running: the directory {settings.data_directory} does not exist.")
        return
    with lock_data_directory(settings):
        stopped = anyio.run(stop_everything, settings)
    click.echo(_summary(stopped, settings))


def _summary(stopped_count: int, settings: Settings) -> str:
    if stopped_count:
        return f"Stopped {pluralized(stopped_count, 'process')}."
    return f"Nothing is running from {settings.data_directory}."
