"""Follows the start of a database's server, and exits with its result."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from pushpaka_core.domain.databases.databases import DatabaseStatus
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.commands.started_deployment import (
    StartedDeployment,
    detach_option,
    timeout_option,
)
from pushpaka_http.cli.ui.output import as_json

if TYPE_CHECKING:
    from pushpaka_http.schemas.databases import DatabaseResponse


def starts_server(
    *, sets_variable: bool
) -> Callable[[Callable[..., "DatabaseResponse"]], Callable[..., None]]:
    """
    Return a decorator for a function that starts the server of a database and returns the database.
    It makes the function a command that follows the start.

    The command has the options `--detach` and `--timeout`, and those of `with_project_option`.

    Args:
        sets_variable: Whether the next deployment of the project gets the URL of the database.
    """

    def decorate(function: Callable[..., "DatabaseResponse"]) -> Callable[..., None]:
        @wraps(function)
        def run(
            session: Session, *, is_detached: bool, timeout: float | None, **arguments: Any
        ) -> None:
            database = function(session, **arguments)
            if database.status is not DatabaseStatus.STARTING:
                # A server that runs is restarted in the background, without a deployment.
                session.output.result(database, f"Restarting {database.name}.")
                session.output.next_step(f"pushpaka db logs --follow --tail 20 {database.name}")
            elif is_detached:
                session.output.result(database, f"{database.name} is starting.")
                session.output.next_step(f"pushpaka db logs --follow {database.name}")
            else:
                _follow(session, database, timeout)
                _print_running(session, database, sets_variable=sets_variable)

        return detach_option(timeout_option(with_project_option(run)))

    return decorate


def _follow(session: Session, database: "DatabaseResponse", timeout: float | None) -> None:
    """
    Follow the deployment of the server until it runs.

    Raises:
        Exit: If the server does not start, the timeout expires, or Ctrl-C is pressed.
    """
    deployment = session.client.deployments.get(str(database.deployment_id))
    started_deployment = StartedDeployment(
        session=session,
        deployment=deployment,
        is_detached=False,
        timeout=timeout,
        waits_until_stable=False,
    )
    try:
        started_deployment.follow()
    except click.exceptions.Exit:
        if session.client.databases.get(database.id).status is DatabaseStatus.FAILED:
            session.output.message(f"Start it again: pushpaka db restart {database.name}")
        raise


def _print_running(session: Session, database: "DatabaseResponse", *, sets_variable: bool) -> None:
    output = session.output
    if output.is_json:
        running = session.client.databases.get(database.id)
        click.echo(as_json({"type": "database", "database": running}, indent=None))
        return
    if not sets_variable:
        output.result(database, f"{database.name} is running.")
        return
    output.result(
        database,
        f"{database.name} is running. The next deployment gets its URL as {database.env_name}.",
    )
    is_deployed = session.project.current_deployment_id is not None
    output.next_step("pushpaka redeploy" if is_deployed else "pushpaka deploy")
