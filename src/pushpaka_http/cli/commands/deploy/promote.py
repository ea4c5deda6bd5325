"""The command `pushpaka promote`."""

import click

from pushpaka_http.cli.commands.deployment_choice import find_preview
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.commands.started_deployment import starts_deployment
from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("promote")
@click.argument("reference", metavar="PREVIEW")
@starts_deployment
def command(session: Session, *, reference: str) -> DeploymentResponse:
    """
    Promote a preview to production.

    The build of the preview is deployed to production, with the environment variables of
    production. PREVIEW is the branch of the preview or the id of its deployment. The output and
    exit codes are the same as those of `pushpaka deploy`.

    Example: pushpaka promote feature/login
    """
    return session.client.deployments.promote(find_preview(session, reference).id)
