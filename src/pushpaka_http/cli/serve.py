"""`pushpaka serve`."""

import anyio
import click

from pushpaka_core.application import Application
from pushpaka_core.maintenance import lock_data_directory
from pushpaka_core.settings import RuntimeChoice, Settings
from pushpaka_http.cli.ending import ending_asked_for
from pushpaka_http.cli.serving import log_as_set, open_instance
from pushpaka_http.openapi import BASE_PATH

NO_SANDBOX = (
    "The process runtime is no sandbox: whoever may deploy runs programs on this host. "
    "Give accounts only to people whom you trust with it."
)


@click.command("serve")
def command() -> None:
    """
    Serve the API and deploy, with a router of its own.

    SIGTERM or Ctrl-C ends it while applications and router go on; `pushpaka down`
    stops those too. Settings are environment variables named PUSHPAKA_*.
    """
    settings = Settings.from_environ()
    log_as_set(settings)
    with lock_data_directory(settings):
        anyio.run(_serve, settings)


async def _serve(settings: Settings) -> None:
    async with ending_asked_for() as asked, open_instance(settings) as application:
        click.echo(_greeting(settings, application))
        await asked.wait()
        click.echo("Ending. Applications and router go on; `pushpaka down` stops them.")


def _greeting(settings: Settings, application: Application) -> str:
    lines = [
        "Pushpaka serves.",
        f"  API           http://{_shown(settings.host)}:{settings.port}{BASE_PATH}",
        f"  Applications  {application.addresses.url(f'<slug>.{settings.base_domain}')}",
        f"  Data          {settings.data_directory}",
        f"  Registration  {settings.registration_policy}",
        *_warnings(settings),
        "Ctrl-C ends it; applications and router go on until `pushpaka down`.",
    ]
    return "\n".join(lines)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _warnings(settings: Settings) -> list[str]:
    return [NO_SANDBOX] if settings.runtime is RuntimeChoice.PROCESS else []
