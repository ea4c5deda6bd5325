"""The command `pushpaka deployments`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import click

from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_http.cli.commands.deployment_choice import active_or_latest_deployment, short_id
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.counts import format_duration
from pushpaka_http.cli.ui.moments import time_ago
from pushpaka_http.cli.ui.output import Columns, Output
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse

_SHOWN_DIGITS = 7
_SHOWN_LETTERS = 50
_STANDBY = "running (standby)"


def commit_of(deployment: DeploymentResponse) -> str | None:
    """
    Return the abbreviated hash and the first line of the commit message. Without a commit, return
    the image without its digest, or None.
    """
    sha = (deployment.commit_sha or "")[:_SHOWN_DIGITS]
    message = (deployment.commit_message or "").partition("\n")[0]
    image = (deployment.image or "").partition("@")[0]
    return f"{sha} {message[:_SHOWN_LETTERS]}".strip() or image or None


def rollback_sentence(previous_deployment: DeploymentResponse) -> str:
    """Return a sentence that names the active deployment after an automatic rollback."""
    version = commit_of(previous_deployment) or short_id(previous_deployment)
    return f"The active version is now {version}."


def status_with_standby(
    deployments: Sequence[DeploymentResponse], deployment: DeploymentResponse
) -> str:
    """
    Return the status to show for a deployment in a list of *deployments*.

    A running deployment is on standby if a newer one in the list serves its target: it is kept
    until the end of the rollback window.
    """
    is_standby = deployment.status is DeploymentStatus.RUNNING and any(
        each.status in SERVING
        and each.target == deployment.target
        and each.sequence > deployment.sequence
        for each in deployments
    )
    return _STANDBY if is_standby else deployment.status


def columns_of(deployments: Sequence[DeploymentResponse]) -> Columns:
    """Return the columns of a table of *deployments*."""
    return {**_COLUMNS, "Status": partial(status_with_standby, deployments)}


def explain_standby(output: Output, deployments: Sequence[DeploymentResponse]) -> None:
    """Explain the status "running (standby)" below a table if one of *deployments* has it."""
    if any(status_with_standby(deployments, each) == _STANDBY for each in deployments):
        output.message(
            "standby: the previous version. It keeps running until the rollback window ends (by "
            "default 30 s), in case Pushpaka has to roll back."
        )


def _duration(entity: DeploymentResponse | TimelineEventResponse) -> str | None:
    return None if entity.duration_ms is None else format_duration(entity.duration_ms)


_COLUMNS: Columns = {
    "Id": short_id,
    "Status": "status",
    "Kind": "kind",
    "Target": "target",
    "Branch": "branch",
    "Commit": commit_of,
    "Created": lambda deployment: time_ago(deployment.created_at, datetime.now(UTC)),
    "Duration": _duration,
}
_FIELDS: Columns = {
    "Id": "id",
    "Status": "status",
    "Phase": "phase",
    "Reason": "error",
    "Kind": "kind",
    "Source": "source_deployment_id",
    "Target": "target",
    "Branch": "branch",
    "Commit": commit_of,
    "Author": "commit_author",
    "Framework": "framework",
    "Image": "image",
    "URL": "url",
    "Created": "created_at",
    "Started": "started_at",
    "Finished": "finished_at",
    "Stopped": "stopped_at",
    "Duration": _duration,
}
_STEPS: Columns = {
    "Time": lambda step: f"{step.created_at:%Y-%m-%d %H:%M:%S} UTC",
    "Status": "status",
    "Phase": "phase",
    "Duration": _duration,
    "Cause": "cause",
}


@click.group("deployments", cls=ListingGroup)
def command() -> None:
    """
    List and show deployments.

    Without a subcommand, list the deployments of the project.
    """


@command.command("list")
@click.option(
    "--status", type=choice_of(DeploymentStatus), help="Show only deployments with this status."
)
@click.option(
    "--target",
    metavar="TARGET",
    help='Show only deployments to this target, for example "production".',
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="Maximum number of deployments.",
)
@click.option(
    "--offset", type=click.IntRange(min=0), default=0, help="Number of deployments to skip."
)
@with_project_option
def list_(
    session: Session, *, status: str | None, target: str | None, limit: int, offset: int
) -> None:
    """
    List the deployments of a project, newest first.

    A replaced deployment that is kept until the end of the rollback window is shown as
    "running (standby)".

    Example: pushpaka deployments list --status failed
    """
    page = session.client.deployments.list(
        project_id=session.project.id, status=status, target=target, limit=limit, offset=offset
    )
    session.output.table(
        page, columns_of(page.data), empty_message="There are no deployments. Run: pushpaka deploy"
    )
    explain_standby(session.output, page.data)


@command.command("show")
@click.argument("reference", metavar="[ID]", required=False)
@with_project_option
def show(session: Session, *, reference: str | None) -> None:
    """
    Show the details of a deployment.

    ID defaults to the active deployment or, if there is none, to the latest one.

    Example: pushpaka deployments show 1f3d5a7c
    """
    session.output.fields(active_or_latest_deployment(session, reference), _FIELDS)


@command.command("events")
@click.argument("reference", metavar="[ID]", required=False)
@with_project_option
def events(session: Session, *, reference: str | None) -> None:
    """
    List the steps of a deployment with their causes and durations.

    ID defaults to the active deployment or, if there is none, to the latest one.

    Example: pushpaka deployments events 1f3d5a7c
    """
    timeline = session.client.deployments.events(active_or_latest_deployment(session, reference).id)
    session.output.table(timeline, _STEPS, empty_message="There are no steps.")
