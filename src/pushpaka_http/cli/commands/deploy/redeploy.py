"""The command `pushpaka redeploy`."""

import click

from pushpaka_http.cli.commands.deployment_choice import active_deployment
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.commands.started_deployment import starts_deployment
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("redeploy")
@click.argument("reference", metavar="[ID]", required=False)
@starts_deployment
def command(session: Session, *, reference: str | None) -> DeploymentResponse:
    """
    Deploy again with the latest environment variables.

    Nothing is built. ID defaults to the active deployment. The output and exit codes are the same
    as those of `pushpaka deploy`.

    Example: pushpaka redeploy
    """
    return session.client.deployments.redeploy(active_deployment(session, reference).id)
