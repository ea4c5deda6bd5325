"""`pushpaka start`."""

import click

from pushpaka_http.cli.client.begun import begins_deployment
from pushpaka_http.cli.client.session import Session
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("start")
@begins_deployment
def command(session: Session) -> DeploymentResponse:
    """
    Serve again what production served until it was stopped.

    It is followed as by `pushpaka deploy`.

    Example: pushpaka start
    """
    return session.client.projects.start(session.project.id)
