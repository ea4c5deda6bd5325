"""`pushpaka demo`."""

import logging
import socket
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING

import anyio
import click
from attrs import evolve

from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings, Stage
from pushpaka_http.cli.examples import EXAMPLES, example_named

if TYPE_CHECKING:
    from pushpaka_http.cli.demonstration import Demonstration

_ROUTER_PORT = 8000


@click.command("demo")
@click.option("--once", "is_once", is_flag=True, help="Check the answer, clean up and end.")
@click.option("--app", type=click.Choice(list(EXAMPLES)), help="Which example to deploy.")
def command(*, is_once: bool, app: str | None) -> None:
    """
    Deploy an example application, to see it happen.

    It runs on an instance of its own, beside the data directory of `serve`, until
    Ctrl-C ends it with all that it has started. It is to run within seconds on any machine: as
    processes of this host, with or without a Docker Engine, whatever PUSHPAKA_RUNTIME says.
    """
    from pushpaka_core.maintenance import lock_data_directory
    from pushpaka_core.server_log import LogFormat, set_up_logging
    from pushpaka_http.cli.demonstration import Demonstration

    example = example_named(app)
    # Once, nothing is kept: then a user without a home needs none.
    usual = Path(gettempdir()) if is_once else None
    settings = settings_of(Settings.from_environ(data_directory=usual), is_once=is_once)
    set_up_logging(LogFormat(settings.log_format), level=logging.WARNING)
    demonstration = Demonstration(settings=settings, example=example, is_once=is_once)
    with lock_data_directory(settings):
        anyio.run(_demonstrate, demonstration)


async def _demonstrate(demonstration: "Demonstration") -> None:
    from pushpaka_worker.ending import ending_asked_for

    async with ending_asked_for() as asked:
        is_complete = await demonstration.run(asked)
    if not is_complete and demonstration.is_once:
        raise click.Abort


def settings_of(given: Settings, *, is_once: bool) -> Settings:
    """Return the settings of an instance that is only there for the demo, on this host alone."""
    directory = (
        Path(mkdtemp(prefix="pushpaka-demo-"))
        if is_once
        else given.data_directory.with_name("pushpaka-demo")
    )
    return evolve(
        given,
        stage=Stage.DEVELOPMENT,
        data_directory=directory,
        local_repo_root=directory / "examples",
        database_url=None,
        redis_url=None,
        runtime=RuntimeChoice.PROCESS,
        router=RouterChoice.TRAEFIK,
        registration=RegistrationPolicy.OPEN,
        host="127.0.0.1",
        port=_free_port(given.port),
        router_host="127.0.0.1",
        router_port=_free_port(given.router_port or _ROUTER_PORT),
        base_domain="localhost",
        failpoint=None,
    )


def _free_port(wanted: int) -> int:
    """Return the port *wanted* where it is free, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise click.ClickException("No port is free on this host.")
