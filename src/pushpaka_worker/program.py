"""The worker as a separate program, without the API."""

import sys

import anyio

from pushpaka_core.bootstrap import open_application
from pushpaka_core.errors import PushpakaError, SettingsError
from pushpaka_core.host.own_process import disable_core_dumps, use_single_arena
from pushpaka_core.maintenance.instance import lock_data_directory
from pushpaka_core.server_log import LogFormat, configure_logging
from pushpaka_core.settings.settings import Settings
from pushpaka_worker.background import open_worker
from pushpaka_worker.shutdown import exit_after_timeout, open_stop_signals


def main() -> None:
    """
    Run a worker with the settings in the environment.

    Exits with code 2 if the settings are invalid, and 1 after any other expected error.
    """
    try:
        run_worker(Settings.from_environ())
    except PushpakaError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2 if isinstance(error, SettingsError) else 1)


def run_worker(settings: Settings) -> None:
    """
    Run deployments until SIGTERM or SIGINT, then queue unfinished deployments again.

    Several workers and an API without a worker can share a data directory.

    Raises:
        SettingsError: If the settings are invalid.
    """
    configure_logging(LogFormat(settings.log_format))
    disable_core_dumps()
    use_single_arena()
    with lock_data_directory(settings, is_shared=True):
        anyio.run(_run, settings)


async def _run(settings: Settings) -> None:
    async with (
        open_stop_signals() as asked,
        open_application(settings) as application,
        open_worker(application, is_only_worker=False),
    ):
        _print(
            f"The worker runs on the node {application.worker_services.node}. "
            f"Press Ctrl-C to stop it."
        )
        await asked.wait()
        exit_after_timeout()
        _print("Stopping. Applications and the router keep running; `pushpaka down` stops them.")


def _print(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
