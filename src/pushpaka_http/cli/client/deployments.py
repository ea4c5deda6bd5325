"""`pushpaka deployments`."""

import click

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_http.cli.client.deployment_choice import serving_or_latest, short
from pushpaka_http.cli.client.following import duration
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse

_SHOWN_DIGITS = 7
_SHOWN_LETTERS = 50


def commit_of(deployment: DeploymentResponse) -> str | None:
    """Return the beginning of the commit's hash, if there is one, with that of its message."""
    sha = (deployment.commit_sha or "")[:_SHOWN_DIGITS]
    message = (deployment.commit_message or "").partition("\n")[0]
    return f"{sha} {message[:_SHOWN_LETTERS]}".strip() or None


def _took(thing: DeploymentResponse | TimelineEventResponse) -> str | None:
    return None if thing.duration_ms is None else duration(thing.duration_ms)


ROWS: Columns = {
    "Id": short,
    "Status": "status",
    "Kind": "kind",
    "Target": "target",
    "Branch": "branch",
    "Commit": commit_of,
    "Created": "created_at",
    "Took": _took,
}
_FIELDS: Columns = {
    "Id": "id",
    "Status": "status",
    "Phase": "phase",
    "Reason": "error",
    "Kind": "kind",
    "Of": "source_deployment_id",
    "Target": "target",
    "Branch": "branch",
    "Commit": commit_of,
    "Author": "commit_author",
    "Framework": "framework",
    "Image": "image",
    "Address": "url",
    "Created": "created_at",
    "Started": "started_at",
    "Finished": "finished_at",
    "Stopped": "stopped_at",
    "Took": _took,
}
_STEPS: Columns = {
    "Time": lambda step: f"{step.created_at:%Y-%m-%d %H:%M:%S} UTC",
    "Status": "status",
    "Phase": "phase",
    "Took": _took,
    "Why": "cause",
}


class _ListsByDefault(click.Group):
    """Takes options without a command for those of `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front where there is none."""
        is_bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        is_completed = ctx.resilient_parsing
        return super().parse_args(ctx, ["list", *args] if is_bare and not is_completed else args)


@click.group("deployments", cls=_ListsByDefault)
def command() -> None:
    """List and show deployments; without a command, list those of this folder's project."""


@command.command("list")
@click.option("--status", type=choice_of(DeploymentStatus), help="Only those.")
@click.option("--target", metavar="TARGET", help='Only those, as in "production".')
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many."
)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave out so many.")
@in_project
def list_(
    session: Session, *, status: str | None, target: str | None, limit: int, offset: int
) -> None:
    """
    List the deployments of a project, the newest first.

    Example: pushpaka deployments list --status failed
    """
    page = session.client.deployments.list(
        project_id=session.project.id, status=status, target=target, limit=limit, offset=offset
    )
    session.output.table(page, ROWS, empty="There is no deployment. Make one: pushpaka deploy")


@command.command("show")
@click.argument("named", metavar="[ID]", required=False)
@in_project
def show(session: Session, *, named: str | None) -> None:
    """
    Show deployment ID; without it, what production serves.

    Example: pushpaka deployments show 1f3d5a7c
    """
    session.output.fields(serving_or_latest(session, named), _FIELDS)


@command.command("events")
@click.argument("named", metavar="[ID]", required=False)
@in_project
def events(session: Session, *, named: str | None) -> None:
    """
    List the steps of deployment ID: when, for how long and why.

    Example: pushpaka deployments events 1f3d5a7c
    """
    timeline = session.client.deployments.events(serving_or_latest(session, named).id)
    session.output.table(timeline, _STEPS, empty="There is none.")
