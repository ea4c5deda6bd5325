"""The command `pushpaka error-pages`."""

import os
import sys
from tempfile import mkdtemp

import click


@click.command("error-pages")
@click.option(
    "--listen",
    default=":8082",
    show_default=True,
    metavar="[HOST]:PORT",
    help="Address that routers connect to.",
)
def command(listen: str) -> None:
    """
    Serve error pages for routers on other machines.

    Visitors see these pages instead of an application that is down, stopped or unknown. The command
    needs neither the API nor the database. Instances that run their own router do not need this
    command.
    """
    from pushpaka_core.adapters.traefik.binaries import find_caddy
    from pushpaka_core.adapters.traefik.error_pages import page_configuration
    from pushpaka_core.bootstrap.data_directory import SEARCH_PATH

    binary = find_caddy(SEARCH_PATH)
    _replace_stdin(page_configuration(listen, build_id=str(binary)))
    home = mkdtemp(prefix="pushpaka-error-pages-")
    env = {**os.environ, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    # Replace this process, so that the server itself receives the signals.
    os.execve(binary, [str(binary), "run", "--config", "-"], env)  # noqa: S606 - no shell


def _replace_stdin(text: str) -> None:
    """
    Make *text* the standard input of this process.

    The text must be smaller than 64 KiB, the size of a pipe buffer.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(text)
    os.dup2(reading, sys.stdin.fileno())
    os.close(reading)
