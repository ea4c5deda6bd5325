"""`pushpaka promote`."""

import click

from pushpaka_http.cli.client.begun import begins_deployment
from pushpaka_http.cli.client.deployment_choice import preview
from pushpaka_http.cli.client.session import Session
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("promote")
@click.argument("named", metavar="PREVIEW")
@begins_deployment
def command(session: Session, *, named: str) -> DeploymentResponse:
    """
    Serve a preview as production, with the env vars of production and without a build.

    PREVIEW is its branch, or the id of its deployment. It is followed as by `pushpaka deploy`.

    Example: pushpaka promote feature/login
    """
    return session.client.deployments.promote(preview(session, named).id)
