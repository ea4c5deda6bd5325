"""`pushpaka status`."""

from collections.abc import Sequence

import click
from attrs import frozen

from pushpaka_core.domain.deployment_steps import UNDER_WAY, DeploymentStatus
from pushpaka_http.cli.client.deployment_choice import recent, short
from pushpaka_http.cli.client.deployments import ROWS, commit_of
from pushpaka_http.cli.client.output import Columns, shown
from pushpaka_http.cli.client.session import Session, in_project, of_its_project
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.projects import ProjectResponse

_RECENT = 100
_SHOWN = 5


@frozen(kw_only=True)
class Status:
    """What there is to know of a project at a glance."""

    project: ProjectResponse
    serving: DeploymentResponse | None
    under_way: Sequence[DeploymentResponse]
    recent: Sequence[DeploymentResponse]
    domains: Sequence[DomainResponse]

    @property
    def addresses(self) -> Sequence[str]:
        """Return where visitors find it."""
        own = [f"https://{each.domain}" for each in self.domains if each.verified]
        return [self.project.url, *own]

    @property
    def health(self) -> str:
        """Say how it does, and what to do where it does not do well."""
        return " ".join(filter(None, (self._service, self._failure)))

    @property
    def _service(self) -> str:
        match self.serving:
            case None if not self.recent:
                return "It serves nothing yet. Deploy it: pushpaka deploy"
            case None:
                return "It serves nothing yet."
            case DeploymentResponse(status=DeploymentStatus.RUNNING):
                return "It runs."
            case DeploymentResponse(status=DeploymentStatus.CRASHED):
                return f"It keeps crashing. {self.serving.error} See: pushpaka logs"
        return "It is stopped. Start it: pushpaka start"

    @property
    def _failure(self) -> str | None:
        newest = self.recent[0] if self.recent else None
        if newest is None or newest.status is not DeploymentStatus.FAILED:
            return None
        reason = (newest.error or "").partition("\n")[0]
        return f"The last deployment has failed: {reason} See: pushpaka logs {short(newest)}"


_FIELDS: Columns = {
    "Project": lambda status: f"{status.project.name} ({status.project.slug})",
    "Status": "project.status",
    "Health": "health",
    "Addresses": "addresses",
    "Serves": lambda status: _serves(status.serving),
    "In work": lambda status: list(map(_in_work, status.under_way)),
    "Replicas": "project.replicas",
    "Env vars": lambda status: _env(status.project),
}


@click.command("status")
@in_project
def command(session: Session) -> None:
    """
    Tell what a project serves, what is in work, where it answers and how it does.

    With --json it is an object with the API's own objects: "project", "serving", "under_way",
    "recent" and "domains".

    Example: pushpaka status --project shop
    """
    status = _status(session)
    session.output.fields(status, _FIELDS)
    if not session.output.is_json and status.recent:
        click.echo()
        latest = ListResponse(data=status.recent)
        session.output.table(latest, ROWS, empty="")


def _status(session: Session) -> Status:
    client, project = session.client, session.project
    current = project.current_deployment_id
    last = recent(session, limit=_RECENT)
    return Status(
        project=project,
        serving=None if current is None else client.deployments.get(current),
        under_way=[each for each in last if each.status in UNDER_WAY],
        recent=last[:_SHOWN],
        domains=of_its_project(session, client.domains.list()).data,
    )


def _serves(serving: DeploymentResponse | None) -> str | None:
    if serving is None:
        return None
    parts = [short(serving), commit_of(serving), "since", shown(serving.finished_at)]
    return " ".join(part for part in parts if part)


def _in_work(deployment: DeploymentResponse) -> str:
    return f"{short(deployment)} to {deployment.target}: {deployment.phase or deployment.status}"


def _env(project: ProjectResponse) -> str:
    if project.env_changed:
        return "They have changed since. Serve them: pushpaka redeploy"
    return "They are those that are served."
