"""Which deployment a command is about."""

from typing import TYPE_CHECKING
from uuid import UUID

from pushpaka_core.domain.deployment_steps import UNDER_WAY, DeploymentStatus
from pushpaka_core.domain.deployments import preview_of
from pushpaka_http.cli.client.failures import NoSuchThingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushpaka_http.cli.client.session import Session
    from pushpaka_http.schemas.deployments import DeploymentResponse

_SHORTEST = 4
_PAGE = 100


def deployment_named(session: "Session", named: str) -> "DeploymentResponse":
    """
    Return the deployment of that id; its beginning will do, among those of the project.

    Raises:
        NoSuchThingError: If there is none, or more than one.
    """
    if (whole := _whole(named)) is not None:
        return session.client.deployments.get(whole)
    project = session.project
    every = session.client.deployments.all(project_id=project.id)
    fitting = [each for each in every if str(each.id).startswith(named.lower())]
    if len(fitting) == 1 and len(named) >= _SHORTEST:
        return fitting[0]
    found = "Several ids begin" if fitting else "No id of a deployment begins"
    raise NoSuchThingError(
        f'{found} with "{named}" in {project.name}. List them: pushpaka deployments list'
    )


def serving(session: "Session", named: str | None) -> "DeploymentResponse":
    """
    Return the deployment *named*, else what production serves.

    Raises:
        NoSuchThingError: If there is no such deployment.
    """
    if named is not None:
        return deployment_named(session, named)
    project = session.project
    if project.current_deployment_id is None:
        raise NoSuchThingError(f"{project.name} serves nothing yet. Deploy it: pushpaka deploy")
    return session.client.deployments.get(project.current_deployment_id)


def serving_or_latest(session: "Session", named: str | None) -> "DeploymentResponse":
    """
    Return the deployment *named*, else what production serves, else the one that came last.

    Raises:
        NoSuchThingError: If there is no such deployment.
    """
    if named is not None or session.project.current_deployment_id is not None:
        return serving(session, named)
    newest = recent(session, limit=1)
    return newest[0] if newest else serving(session, None)


def under_way(session: "Session", named: str | None) -> "DeploymentResponse":
    """
    Return the deployment *named*, else the only one that is queued or in work.

    Raises:
        NoSuchThingError: If there is none, or nobody can tell which one is meant.
    """
    if named is not None:
        return deployment_named(session, named)
    found = [each for each in recent(session, limit=_PAGE) if each.status in UNDER_WAY]
    match found:
        case [one]:
            return one
        case []:
            raise NoSuchThingError(f"No deployment of {session.project.name} is in work.")
    choices = ", ".join(f"{short(each)} ({each.target}, {each.status})" for each in found)
    raise NoSuchThingError(f"Several deployments are in work: {choices}. Name one by its id.")


def preview(session: "Session", named: str) -> "DeploymentResponse":
    """
    Return the running preview of the branch *named*, else the deployment of that id.

    Raises:
        NoSuchThingError: If there is neither.
    """
    page = session.client.deployments.list(
        project_id=session.project.id,
        target=preview_of(named),
        status=DeploymentStatus.RUNNING,
        limit=1,
    )
    if page.data:
        return page.data[0]
    try:
        return deployment_named(session, named)
    except NoSuchThingError as error:
        raise NoSuchThingError(f'No preview of a branch "{named}" runs. {error}') from None


def recent(
    session: "Session", *, limit: int, target: str | None = None
) -> "Sequence[DeploymentResponse]":
    """Return the deployments of the project that came last, the newest first."""
    page = session.client.deployments.list(
        project_id=session.project.id, target=target, limit=limit
    )
    return page.data


def short(deployment: "DeploymentResponse") -> str:
    """Return as much of its id as its address has."""
    return deployment.id.hex[:8]


def _whole(named: str) -> UUID | None:
    """Return the id that is named in full, if one is."""
    try:
        return UUID(named)
    except ValueError:
        return None
