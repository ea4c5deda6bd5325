"""`pushpaka down`."""

import anyio
import click

from pushpaka_core.settings import Settings


@click.command("down")
def command() -> None:
    """
    Stop the applications and the router that a serve has left running.

    It is refused while one runs. The data stay, and the next `serve` brings the
    applications back.
    """
    from pushpaka_core.maintenance import lock_data_directory, take_down

    settings = Settings.from_environ()
    if not settings.data_directory.is_dir():
        click.echo(f"Nothing runs: there is no directory {settings.data_directory}.")
        return
    with lock_data_directory(settings):
        stopped = anyio.run(take_down, settings)
    click.echo(_told(stopped, settings))


def _told(stopped: int, settings: Settings) -> str:
    match stopped:
        case 0:
            return f"Nothing runs from {settings.data_directory}."
        case 1:
            return "Stopped 1 program."
        case _:
            return f"Stopped {stopped} programs, applications and router."
