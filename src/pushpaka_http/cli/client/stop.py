"""`pushpaka stop`."""

import click

from pushpaka_http.cli.client.deployment_choice import serving, short
from pushpaka_http.cli.client.session import Session, in_project


@click.command("stop")
@click.argument("named", metavar="[ID]", required=False)
@in_project
def command(session: Session, *, named: str | None) -> None:
    """
    Stop a running deployment, until the project is started or deployed.

    Without ID it is what production serves.

    Example: pushpaka stop
    """
    stopped = session.client.deployments.stop(serving(session, named).id)
    session.output.result(stopped, f"{short(stopped)} is being stopped.")
    session.output.next_step("pushpaka start")
