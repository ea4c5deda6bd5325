"""The command `pushpaka ps`."""

from collections.abc import Sequence
from functools import partial

import click

from pushpaka_core.domain.deployments.state_machine import SERVING
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_http.cli.commands.deploy.deployments import (
    commit_of,
    explain_standby,
    status_with_standby,
)
from pushpaka_http.cli.commands.deployment_choice import short_id
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse


@click.command("ps")
@with_project_option
def command(session: Session) -> None:
    """
    List the running deployments of a project.

    The list contains production, all previews and the servers of databases. A replaced deployment
    that is kept until the end of the rollback window is shown as "running (standby)". The number of
    replicas comes from the settings of the project.

    Example: pushpaka ps --project shop
    """
    running = [
        deployment
        for status in sorted(SERVING)
        for deployment in session.client.deployments.all(
            project_id=session.project.id, status=status
        )
    ]
    by_target = sorted(running, key=lambda each: (each.target != PRODUCTION, each.target))
    session.output.table(
        ListResponse(data=by_target),
        _columns(session, running),
        empty_message=(
            "Nothing is running. Run: pushpaka deploy (or pushpaka start, if it was stopped)"
        ),
    )
    explain_standby(session.output, running)


def _columns(session: Session, running: Sequence[DeploymentResponse]) -> Columns:
    project = session.project

    def address(deployment: DeploymentResponse) -> str | None:
        return project.url if deployment.target == PRODUCTION else deployment.url

    return {
        "Id": short_id,
        "Target": "target",
        "Status": partial(status_with_standby, running),
        "Replicas": lambda deployment: project.replicas if deployment.url else None,
        "Since": "finished_at",
        "Commit": commit_of,
        "URL": address,
    }
