"""`pushpaka restart`."""

import click

from pushpaka_http.cli.client.deployment_choice import serving, short
from pushpaka_http.cli.client.session import Session, in_project


@click.command("restart")
@click.argument("named", metavar="[ID]", required=False)
@in_project
def command(session: Session, *, named: str | None) -> None:
    """
    Replace the instances of a running deployment by new ones, without a gap.

    Without ID it is what production serves.

    Example: pushpaka restart
    """
    restarted = session.client.deployments.restart(serving(session, named).id)
    session.output.result(restarted, f"{short(restarted)} is being restarted, without a gap.")
    session.output.next_step(f"pushpaka logs --follow --tail 20 {restarted.id}")
