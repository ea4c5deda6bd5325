"""A worker as a program: deploys without serving the API, until it is told to end."""

import sys

import anyio

from pushpaka_core.bootstrap import open_application
from pushpaka_core.core_dumps import forbid_core_dumps
from pushpaka_core.errors import PushpakaError, SettingsError
from pushpaka_core.heap import share_heap
from pushpaka_core.maintenance import lock_data_directory
from pushpaka_core.server_log import LogFormat, set_up_logging
from pushpaka_core.settings import Settings
from pushpaka_worker.ending import end_in_time, ending_asked_for
from pushpaka_worker.running import open_worker


def main() -> None:
    """
    Run a worker by the settings in the environment.

    What Pushpaka raises on purpose ends it with a sentence: with exit code 2 where
    the settings are to be mended, else 1.
    """
    try:
        run_worker(Settings.from_environ())
    except PushpakaError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2 if isinstance(error, SettingsError) else 1)


def run_worker(settings: Settings) -> None:
    """
    Deploy until SIGTERM or SIGINT; jobs in hand are put back into the queue then.

    Any number of them may share a data directory, among themselves and with an API that
    does not deploy.

    Raises:
        SettingsError: If the settings cannot be used.
    """
    set_up_logging(LogFormat(settings.log_format))
    forbid_core_dumps()
    share_heap()
    with lock_data_directory(settings, shared=True):
        anyio.run(_work, settings)


async def _work(settings: Settings) -> None:
    async with (
        ending_asked_for() as asked,
        open_application(settings) as application,
        open_worker(application, is_alone=False),
    ):
        _say(f"A worker deploys on the node {application.engine.node}. Ctrl-C ends it.")
        await asked.wait()
        end_in_time()
        _say("Ending. Applications and router go on; `pushpaka down` stops them.")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
