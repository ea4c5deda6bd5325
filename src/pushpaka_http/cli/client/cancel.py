"""`pushpaka cancel`."""

import click

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_http.cli.client.deployment_choice import short, under_way
from pushpaka_http.cli.client.session import Session, in_project


@click.command("cancel")
@click.argument("named", metavar="[ID]", required=False)
@in_project
def command(session: Session, *, named: str | None) -> None:
    """
    Cancel a deployment that does not run yet.

    Without ID it is the one that is in work. What is served goes on being served.

    Example: pushpaka cancel
    """
    cancelled = session.client.deployments.cancel(under_way(session, named).id)
    is_over = cancelled.status is DeploymentStatus.CANCELLED
    become = "is cancelled" if is_over else "is being cancelled"
    session.output.result(cancelled, f"{short(cancelled)} {become}.")
