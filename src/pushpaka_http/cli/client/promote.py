"""`pushpaka promote`."""

import click

from pushpaka_http.cli.client.begun import Begun, follow_options
from pushpaka_http.cli.client.deployment_choice import preview
from pushpaka_http.cli.client.session import Session, in_project


@click.command("promote")
@click.argument("named", metavar="PREVIEW")
@follow_options
@in_project
def command(session: Session, *, named: str, is_detached: bool, timeout: float | None) -> None:
    """
    Serve a preview as production, with the env vars of production and without a build.

    PREVIEW is its branch, or the id of its deployment. It is followed as by `pushpaka deploy`.

    Example: pushpaka promote feature/login
    """
    begun = session.client.deployments.promote(preview(session, named).id)
    Begun(session=session, deployment=begun, is_detached=is_detached, timeout=timeout).see_through()
