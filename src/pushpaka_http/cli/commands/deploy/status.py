"""The command `pushpaka status`."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, DeploymentStatus
from pushpaka_http.cli.commands.deploy.deployments import (
    columns_of,
    commit_of,
    explain_standby,
    rollback_sentence,
)
from pushpaka_http.cli.commands.deployment_choice import recent_deployments, short_id
from pushpaka_http.cli.commands.session import Session, filter_by_project, with_project_argument
from pushpaka_http.cli.ui.moments import time_ago
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.progress import is_rolled_back
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.projects import ProjectResponse

_RECENT = 100
_SHOWN = 5


@frozen(kw_only=True)
class ProjectStatus:
    """A summary of a project and its deployments."""

    project: ProjectResponse
    active_deployment: DeploymentResponse | None
    in_progress: Sequence[DeploymentResponse]
    recent: Sequence[DeploymentResponse]
    domains: Sequence[DomainResponse]

    @property
    def addresses(self) -> Sequence[str]:
        """
        Return the URLs of the project, including verified custom domains. There is none without a
        web process.
        """
        if self.project.url is None:
            return []
        own = [f"https://{each.domain}" for each in self.domains if each.verified]
        return [self.project.url, *own]

    @property
    def production_state(self) -> str:
        """Return the state of production as a sentence, with the next step."""
        name = self.project.name
        match self.active_deployment:
            case None if not self.recent:
                return f"{name} is not deployed yet. Run: pushpaka deploy"
            case None:
                return f"{name} is not deployed yet."
            case DeploymentResponse(status=DeploymentStatus.RUNNING):
                return f"{name} is running."
            case DeploymentResponse(status=DeploymentStatus.CRASHED, error=error):
                reason = (error or "").partition("\n")[0]
                return f"{name} keeps crashing. {reason} See: pushpaka logs"
        return f"{name} is stopped. Start it: pushpaka start"

    @property
    def latest_failure(self) -> str | None:
        """Return why the latest deployment failed, with the next step; None if it did not."""
        newest = self.recent[0] if self.recent else None
        if newest is None or newest.status is not DeploymentStatus.FAILED:
            return None
        reason = (newest.error or "").partition("\n")[0]
        if is_rolled_back(newest):
            again = (
                f" {rollback_sentence(self.active_deployment)}" if self.active_deployment else ""
            )
            return f"{reason}{again} See: pushpaka logs {short_id(newest)}"
        failed = f"The latest deployment failed {_ago(newest.finished_at or newest.created_at)}"
        return f"{failed}: {reason} See: pushpaka logs {short_id(newest)}"


_FIELDS: Columns = {
    "URL": lambda status: status.addresses or "none, because there is no web process",
    "Version": lambda status: _active_version(status.active_deployment),
    "In progress": lambda status: list(map(_progress_summary, status.in_progress)),
    "Instances": lambda status: status.project.replicas if status.addresses else None,
    "Variables": lambda status: _env_state(status.project),
}


@click.command("status")
@with_project_argument
def command(session: Session) -> None:
    """
    Show the state of a project and its deployments.

    With --json, the output is an object with the API objects "project", "active_deployment",
    "in_progress", "recent" and "domains".

    Example: pushpaka status shop
    """
    status, output = _status(session), session.output
    if output.is_json:
        output.json(status)
        return
    output.headline(status.production_state, status.project.status)
    if status.latest_failure:
        output.headline(status.latest_failure, DeploymentStatus.FAILED)
    output.fields(status, _FIELDS)
    if status.recent:
        click.echo()
        output.table(ListResponse(data=status.recent), columns_of(status.recent), empty_message="")
        explain_standby(output, status.recent)


def _status(session: Session) -> ProjectStatus:
    client, project = session.client, session.project
    current = project.current_deployment_id
    last = recent_deployments(session, limit=_RECENT)
    return ProjectStatus(
        project=project,
        active_deployment=None if current is None else client.deployments.get(current),
        in_progress=[each for each in last if each.status in QUEUED_OR_IN_PROGRESS],
        recent=last[:_SHOWN],
        domains=filter_by_project(session, client.domains.list()).data,
    )


def _active_version(active_deployment: DeploymentResponse | None) -> str | None:
    """Return the active commit, the id of its deployment, and how long ago it went live."""
    if active_deployment is None:
        return None
    parts = [commit_of(active_deployment), f"({short_id(active_deployment)})"]
    parts += (
        [f"deployed {_ago(active_deployment.finished_at)}"] if active_deployment.finished_at else []
    )
    return " ".join(filter(None, parts))


def _progress_summary(deployment: DeploymentResponse) -> str:
    return f"{short_id(deployment)} to {deployment.target}: {deployment.phase or deployment.status}"


def _env_state(project: ProjectResponse) -> str:
    if project.env_changed:
        return "Changed since the deployment. Apply them: pushpaka redeploy"
    return "Unchanged since the deployment."


def _ago(moment: datetime) -> str:
    return time_ago(moment, datetime.now(UTC))
