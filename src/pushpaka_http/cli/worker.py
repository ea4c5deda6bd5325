"""`pushpaka worker`."""

import click

from pushpaka_core.settings import Settings


@click.command("worker")
def command() -> None:
    """
    Deploy, without serving the API.

    Start as many as you like beside `pushpaka serve --no-worker`, with the same
    settings and on the machine with the data directory. SIGTERM or Ctrl-C ends it:
    what it has in hand goes back into the queue, applications and router go on.
    """
    from pushpaka_worker.program import run_worker

    run_worker(Settings.from_environ())
