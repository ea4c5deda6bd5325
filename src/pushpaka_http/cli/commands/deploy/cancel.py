"""The command `pushpaka cancel`."""

import click

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_http.cli.commands.deployment_choice import deployment_in_progress, short_id
from pushpaka_http.cli.commands.session import Session, with_project_option


@click.command("cancel")
@click.argument("reference", metavar="[ID]", required=False)
@with_project_option
def command(session: Session, *, reference: str | None) -> None:
    """
    Cancel a deployment in progress.

    Without ID, the command cancels the only deployment in progress. The active deployment is not
    affected.

    Example: pushpaka cancel
    """
    cancelled = session.client.deployments.cancel(deployment_in_progress(session, reference).id)
    is_over = cancelled.status is DeploymentStatus.CANCELLED
    become = "was canceled" if is_over else "is being canceled"
    session.output.result(cancelled, f"{short_id(cancelled)} {become}.")
