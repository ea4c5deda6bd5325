"""The command `pushpaka restart`."""

import click

from pushpaka_http.cli.commands.deployment_choice import active_deployment, short_id
from pushpaka_http.cli.commands.session import Session, with_project_option


@click.command("restart")
@click.argument("reference", metavar="[ID]", required=False)
@with_project_option
def command(session: Session, *, reference: str | None) -> None:
    """
    Restart an application without downtime.

    All instances are replaced with new ones. ID defaults to the active deployment.

    Example: pushpaka restart
    """
    restarted = session.client.deployments.restart(active_deployment(session, reference).id)
    session.output.result(restarted, f"Restarting {short_id(restarted)}.")
    session.output.next_step(f"pushpaka logs --follow --tail 20 {restarted.id}")
