"""The command `pushpaka down`."""

import anyio
import click

from pushpaka_core.errors import DataDirectoryInUseError, SettingsError
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
        click.echo(
            f"There is no instance in {settings.data_directory}. If the server uses another "
            "directory, set PUSHPAKA_DATA_DIRECTORY."
        )
        return
    try:
        with lock_data_directory(settings):
            stopped = anyio.run(stop_everything, settings)
    except DataDirectoryInUseError as error:
        raise SettingsError(_still_running_message(error.holder_pid)) from None
    click.echo(_summary(stopped, settings))


def _still_running_message(server_pid: str) -> str:
    server = f"The server (process {server_pid})" if server_pid else "The server or a worker"
    return (
        f"{server} is running. Stop it first, for example with Ctrl-C in its terminal, then run "
        "`pushpaka down` again."
    )


def _summary(stopped_count: int, settings: Settings) -> str:
    if stopped_count:
        return f"Stopped {pluralized(stopped_count, 'process')}."
    return f"Nothing is running from {settings.data_directory}."
