"""The command `pushpaka stop`."""

import click

from pushpaka_http.cli.commands.deployment_choice import active_deployment, short_id
from pushpaka_http.cli.commands.session import Session, with_project_option


@click.command("stop")
@click.argument("reference", metavar="[ID]", required=False)
@with_project_option
def command(session: Session, *, reference: str | None) -> None:
    """
    Stop an application.

    The application stays stopped until you start or deploy it. ID defaults to the active
    deployment.

    Example: pushpaka stop
    """
    stopped = session.client.deployments.stop(active_deployment(session, reference).id)
    session.output.result(stopped, f"Stopping {short_id(stopped)}.")
    session.output.next_step("pushpaka start")
