"""`pushpaka redeploy`."""

import click

from pushpaka_http.cli.client.begun import begins_deployment
from pushpaka_http.cli.client.deployment_choice import serving
from pushpaka_http.cli.client.session import Session
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("redeploy")
@click.argument("named", metavar="[ID]", required=False)
@begins_deployment
def command(session: Session, *, named: str | None) -> DeploymentResponse:
    """
    Serve the same with the env vars of today, without a build.

    Without ID it is what production serves. It is followed as by `pushpaka deploy`.

    Example: pushpaka redeploy
    """
    return session.client.deployments.redeploy(serving(session, named).id)
