"""The command `pushpaka takeover`."""

import anyio
import click

from pushpaka_core.settings.settings import Settings


@click.command("takeover")
def command() -> None:
    """
    Take over the applications of a machine that was lost.

    The builds on the old machine are lost, so deploy the applications again. Workers that are still
    running on the old machine stop on their own.
    """
    from pushpaka_core.maintenance.instance import lock_data_directory

    settings = Settings.from_environ()
    with lock_data_directory(settings):
        click.echo(anyio.run(_take_over, settings))


async def _take_over(settings: Settings) -> str:
    from pushpaka_core.bootstrap import open_application

    async with open_application(settings) as application:
        before = await application.worker_services.worker_registry.take_over()
        here = f"Applications now run on the node {application.worker_services.node}"
    return f"{here} instead of {before.name}." if before else f"{here}."
