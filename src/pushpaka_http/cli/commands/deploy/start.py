"""The command `pushpaka start`."""

import click

from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.commands.started_deployment import starts_deployment
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("start")
@starts_deployment
def command(session: Session) -> DeploymentResponse:
    """
    Start a stopped application.

    The deployment that served production before the application was stopped is started again. The
    output and exit codes are the same as those of `pushpaka deploy`.

    Example: pushpaka start
    """
    return session.client.projects.start(session.project.id)
