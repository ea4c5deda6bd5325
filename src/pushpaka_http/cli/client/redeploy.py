"""`pushpaka redeploy`."""

import click

from pushpaka_http.cli.client.begun import Begun, follow_options
from pushpaka_http.cli.client.deployment_choice import serving
from pushpaka_http.cli.client.session import Session, in_project


@click.command("redeploy")
@click.argument("named", metavar="[ID]", required=False)
@follow_options
@in_project
def command(
    session: Session, *, named: str | None, is_detached: bool, timeout: float | None
) -> None:
    """
    Serve the same with the env vars of today, without a build.

    Without ID it is what production serves. It is followed as by `pushpaka deploy`.

    Example: pushpaka redeploy
    """
    begun = session.client.deployments.redeploy(serving(session, named).id)
    Begun(session=session, deployment=begun, is_detached=is_detached, timeout=timeout).see_through()
