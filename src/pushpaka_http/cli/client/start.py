"""`pushpaka start`."""

import click

from pushpaka_http.cli.client.begun import Begun, follow_options
from pushpaka_http.cli.client.session import Session, in_project


@click.command("start")
@follow_options
@in_project
def command(session: Session, *, is_detached: bool, timeout: float | None) -> None:
    """
    Serve again what production served until it was stopped.

    It is followed as by `pushpaka deploy`.

    Example: pushpaka start
    """
    begun = session.client.projects.start(session.project.id)
    Begun(session=session, deployment=begun, is_detached=is_detached, timeout=timeout).see_through()
