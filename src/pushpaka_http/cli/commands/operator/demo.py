"""The command `pushpaka demo`."""

import logging
import socket
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING

import anyio
import click
from attrs import evolve

from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings, Stage
from pushpaka_http.cli.demo.examples import EXAMPLES, find_example

if TYPE_CHECKING:
    from pushpaka_http.cli.demo.demonstration import Demo

_ROUTER_PORT = 8000


@click.command("demo")
@click.option("--once", "is_once", is_flag=True, help="Check the response, clean up and exit.")
@click.option("--app", type=click.Choice(list(EXAMPLES)), help="Example to deploy.")
def command(*, is_once: bool, app: str | None) -> None:
    """
    Deploy an example application on a separate instance.

    The instance has its own data directory, next to that of `pushpaka serve`, and runs until you
    press Ctrl-C, which stops everything that the demo started. The data is kept, so that the next
    demo starts faster. With --once, the instance is temporary, and its data is deleted.
    Applications always run as processes on this host, so the demo needs no Docker Engine and
    ignores PUSHPAKA_RUNTIME.
    """
    from pushpaka_core.maintenance.instance import lock_data_directory
    from pushpaka_core.server_log import LogFormat, configure_logging
    from pushpaka_http.cli.demo.demonstration import Demo

    example = find_example(app)
    # `--once` deletes everything afterwards, so it must also work without a home directory.
    usual = Path(gettempdir()) if is_once else None
    settings = demo_settings(Settings.from_environ(data_directory=usual), is_once=is_once)
    configure_logging(LogFormat(settings.log_format), level=logging.WARNING)
    demo = Demo(settings=settings, example=example, is_once=is_once)
    with lock_data_directory(settings):
        anyio.run(_demonstrate, demo)


async def _demonstrate(demonstration: "Demo") -> None:
    from pushpaka_worker.shutdown import open_stop_signals

    async with open_stop_signals() as asked:
        is_complete = await demonstration.run(asked)
    if not is_complete and demonstration.is_once:
        raise click.Abort


def demo_settings(settings: Settings, *, is_once: bool) -> Settings:
    """Return the settings of the demo instance, which listens on the loopback interface only."""
    directory = (
        Path(mkdtemp(prefix="pushpaka-demo-"))
        if is_once
        else settings.data_directory.with_name("pushpaka-demo")
    )
    return evolve(
        settings,
        stage=Stage.DEVELOPMENT,
        data_directory=directory,
        local_repo_root=directory / "examples",
        database_url=None,
        redis_url=None,
        runtime=RuntimeChoice.PROCESS,
        router=RouterChoice.TRAEFIK,
        registration=RegistrationPolicy.OPEN,
        host="127.0.0.1",
        port=_free_port(settings.port),
        router_host="127.0.0.1",
        router_port=_free_port(settings.router_port or _ROUTER_PORT),
        base_domain="localhost",
        failpoint=None,
    )


def _free_port(preferred_port: int) -> int:
    """Return *preferred_port* if it is free, otherwise any free port."""
    for port in (preferred_port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise click.ClickException(
        "No port is free on 127.0.0.1. Stop a program that uses one, then try again."
    )
