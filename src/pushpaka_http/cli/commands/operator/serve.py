"""The command `pushpaka serve`."""

import gc
import sys
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.host.own_process import disable_core_dumps, use_single_arena
from pushpaka_core.settings.settings import RuntimeChoice, Settings
from pushpaka_http.base_path import BASE_PATH

if TYPE_CHECKING:
    from pushpaka_core.container.application import Application

NO_SANDBOX_WARNING = (
    "The process runtime is not a sandbox: everyone with an account can run programs on this host. "
    "Give accounts only to people you trust."
)
_NEW_OBJECTS = 50_000
"""The number of new objects after which Python looks for garbage. Its default is 700."""
_UNUSED_PACKAGES = ("pygments", "rich")
"""
Packages that httpx and structlog import if they are installed, and that a server does not use.

They would take 3.5 MB of memory.
"""


@click.command("serve")
@click.option(
    "--no-worker", is_flag=True, help="Do not run a worker. Run `pushpaka worker` instead."
)
def command(*, no_worker: bool) -> None:
    """
    Run the server: API, dashboard, worker and router.

    Press Ctrl-C or send SIGTERM to stop the server. Applications and the router keep running until
    `pushpaka down`. Settings are environment variables named PUSHPAKA_*.
    """
    # The start creates many objects, and few of them become garbage.
    gc.set_threshold(_NEW_OBJECTS)
    # None in sys.modules makes an import raise ModuleNotFoundError.
    sys.modules.update(dict.fromkeys(_UNUSED_PACKAGES))  # type: ignore[arg-type]
    from pushpaka_core.maintenance.instance import lock_data_directory
    from pushpaka_core.server_log import LogFormat, configure_logging

    settings = Settings.from_environ()
    configure_logging(LogFormat(settings.log_format))
    disable_core_dumps()
    use_single_arena()
    with lock_data_directory(settings, is_shared=no_worker):
        anyio.run(partial(_serve, settings, runs_worker=not no_worker))


async def _serve(settings: Settings, *, runs_worker: bool) -> None:
    from pushpaka_http.cli.server.instance import open_instance
    from pushpaka_worker.shutdown import exit_after_timeout, open_stop_signals

    opening = open_instance(settings, runs_worker=runs_worker)
    async with open_stop_signals() as asked, opening as application:
        click.echo(_greeting(settings, application, runs_worker=runs_worker))
        # Exclude the objects so far from collection: each full collection would stop the event
        # loop for about 0.1 s.
        gc.freeze()
        await asked.wait()
        application.shutdown_signal.end()
        exit_after_timeout()
        click.echo(
            "Stopping. Applications and the router keep running; `pushpaka down` stops them."
        )


def _greeting(settings: Settings, application: "Application", *, runs_worker: bool) -> str:
    address = f"http://{_url_host(settings.host)}:{settings.port}"
    lines = [
        "Pushpaka is running."
        if runs_worker
        else "Pushpaka is running without a worker. Start one with `pushpaka worker`.",
        f"  Dashboard     {address}",
        f"  API           {address}{BASE_PATH}",
        f"  Applications  {application.addresses.url(f'NAME.{settings.base_domain}')}",
        f"  Runtime       {application.adapter_names.runtime}",
        f"  Data          {settings.data_directory}",
        f"  Registration  {settings.registration_policy}",
        *_warnings(application),
        "Press Ctrl-C to stop. Applications and the router keep running until `pushpaka down`.",
    ]
    return "\n".join(lines)


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _warnings(application: "Application") -> list[str]:
    is_process = application.adapter_names.runtime == RuntimeChoice.PROCESS
    return [NO_SANDBOX_WARNING] if is_process else []
