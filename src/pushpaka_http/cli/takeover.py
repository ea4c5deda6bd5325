"""`pushpaka takeover`."""

import anyio
import click

from pushpaka_core.settings import Settings


@click.command("takeover")
def command() -> None:
    """
    Make this machine the one on which applications run.

    For when the one before is gone for good. What was built there is gone as well:
    deploy it again here. Workers that still live there end by themselves.
    """
    from pushpaka_core.maintenance import lock_data_directory

    settings = Settings.from_environ()
    with lock_data_directory(settings):
        click.echo(anyio.run(_take_over, settings))


async def _take_over(settings: Settings) -> str:
    from pushpaka_core.bootstrap import open_application

    async with open_application(settings) as application:
        before = await application.engine.attendance.take_over()
        here = f"Applications run on the node {application.engine.node}"
    return f"{here} now, instead of {before.name}." if before else f"{here}."
