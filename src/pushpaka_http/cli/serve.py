"""`pushpaka serve`."""

import gc
import sys
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.core_dumps import forbid_core_dumps
from pushpaka_core.heap import share_heap
from pushpaka_core.settings import RuntimeChoice, Settings
from pushpaka_http.base_path import BASE_PATH

if TYPE_CHECKING:
    from pushpaka_core.application import Application

NO_SANDBOX = (
    "The process runtime is no sandbox: whoever may deploy runs programs on this host. "
    "Give accounts only to people whom you trust with it."
)
_OF_TERMINALS = ("pygments", "rich")
"""What httpx and structlog import wherever it is installed, and a server has no use for: 4 MB."""


@click.command("serve")
@click.option("--no-worker", is_flag=True, help="Serve the API only: workers deploy.")
def command(*, no_worker: bool) -> None:
    """
    Serve the API with its dashboard and deploy, with a router of its own.

    SIGTERM or Ctrl-C ends it while applications and router go on; `pushpaka down`
    stops those too. Settings are environment variables named PUSHPAKA_*.
    """
    sys.modules.update(dict.fromkeys(_OF_TERMINALS))  # type: ignore[arg-type]  # as not installed
    from pushpaka_core.maintenance import lock_data_directory
    from pushpaka_core.server_log import LogFormat, set_up_logging

    settings = Settings.from_environ()
    set_up_logging(LogFormat(settings.log_format))
    forbid_core_dumps()
    share_heap()
    with lock_data_directory(settings, shared=no_worker):
        anyio.run(partial(_serve, settings, deploys=not no_worker))


async def _serve(settings: Settings, *, deploys: bool) -> None:
    from pushpaka_http.cli.serving import open_instance
    from pushpaka_worker.ending import end_in_time, ending_asked_for

    opening = open_instance(settings, deploys=deploys)
    async with ending_asked_for() as asked, opening as application:
        click.echo(_greeting(settings, application, deploys=deploys))
        gc.freeze()  # Else each full collection would look at all of them, and nobody be answered.
        await asked.wait()
        application.lifetime.end()
        end_in_time()
        click.echo("Ending. Applications and router go on; `pushpaka down` stops them.")


def _greeting(settings: Settings, application: "Application", *, deploys: bool) -> str:
    address = f"http://{_shown(settings.host)}:{settings.port}"
    lines = [
        "Pushpaka serves." if deploys else "Pushpaka serves; `pushpaka worker` deploys.",
        f"  Dashboard     {address}",
        f"  API           {address}{BASE_PATH}",
        f"  Applications  {application.addresses.url(f'<slug>.{settings.base_domain}')}",
        f"  Runtime       {application.technologies.runtime}",
        f"  Data          {settings.data_directory}",
        f"  Registration  {settings.registration_policy}",
        *_warnings(application),
        "Ctrl-C ends it; applications and router go on until `pushpaka down`.",
    ]
    return "\n".join(lines)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _warnings(application: "Application") -> list[str]:
    is_process = application.technologies.runtime == RuntimeChoice.PROCESS
    return [NO_SANDBOX] if is_process else []
