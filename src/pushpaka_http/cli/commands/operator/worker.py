"""The command `pushpaka worker`."""

import click

from pushpaka_core.settings.settings import Settings


@click.command("worker")
def command() -> None:
    """
    Run a worker, for use with `pushpaka serve --no-worker`.

    Workers run deployments. You can start any number of workers. They must run on the machine that
    has the data directory, with the same settings as the server. Press Ctrl-C or send SIGTERM to
    stop a worker: its deployments return to the queue, and applications and the router keep
    running.
    """
    from pushpaka_worker.program import run_worker

    run_worker(Settings.from_environ())
