"""`pushpaka ps`."""

import click

from pushpaka_core.domain.deployment_steps import SERVING
from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_http.cli.client.deployment_choice import short
from pushpaka_http.cli.client.deployments import commit_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse


@click.command("ps")
@in_project
def command(session: Session) -> None:
    """
    List what runs of a project: production and its previews.

    Replicas are as many as the project is set to have.

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
        _columns(session),
        empty="Nothing runs. Deploy it: pushpaka deploy, or start it again: pushpaka start",
    )


def _columns(session: Session) -> Columns:
    project = session.project

    def address(deployment: DeploymentResponse) -> str | None:
        return project.url if deployment.target == PRODUCTION else deployment.url

    return {
        "Id": short,
        "Target": "target",
        "Status": "status",
        "Replicas": lambda _: project.replicas,
        "Since": "finished_at",
        "Commit": commit_of,
        "Address": address,
    }
