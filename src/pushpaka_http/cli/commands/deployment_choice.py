"""Finds the deployment that a command refers to."""

from typing import TYPE_CHECKING
from uuid import UUID

from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, DeploymentStatus
from pushpaka_core.domain.projects.target_names import is_database, preview_target
from pushpaka_http.cli.ui.failures import NoMatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushpaka_http.cli.commands.session import Session
    from pushpaka_http.schemas.deployments import DeploymentResponse

_MIN_ID_PREFIX = 4
_PAGE = 100


def find_deployment(session: "Session", reference: str) -> "DeploymentResponse":
    """
    Return the deployment with the id *reference*.

    The first characters of an id, at least four, are enough for a deployment of the current
    project.

    Raises:
        NoMatchError: If no deployment of the project matches, or several do.
        ApiError: If a complete id is unknown to the server.
    """
    if (whole := _complete_id(reference)) is not None:
        return session.client.deployments.get(whole)
    project = session.project
    every = session.client.deployments.all(project_id=project.id)
    matches = [each for each in every if str(each.id).startswith(reference.lower())]
    if len(matches) == 1 and len(reference) >= _MIN_ID_PREFIX:
        return matches[0]
    found = "Several deployments match" if matches else "No deployment matches"
    raise NoMatchError(
        f'{found} the id "{reference}" in {project.name}. Run: pushpaka deployments list'
    )


def active_deployment(session: "Session", reference: str | None) -> "DeploymentResponse":
    """
    Return the deployment *reference*, by default the active deployment of production.

    Raises:
        NoMatchError: If there is no such deployment.
    """
    if reference is not None:
        return find_deployment(session, reference)
    project = session.project
    if project.current_deployment_id is None:
        raise NoMatchError(f"{project.name} has no active deployment. Run: pushpaka deploy")
    return session.client.deployments.get(project.current_deployment_id)


def active_or_latest_deployment(session: "Session", reference: str | None) -> "DeploymentResponse":
    """
    Return the deployment *reference*, by default the active one of production, else the latest.

    Raises:
        NoMatchError: If there is no such deployment.
    """
    if reference is not None or session.project.current_deployment_id is not None:
        return active_deployment(session, reference)
    newest = recent_deployments(session, limit=_PAGE)
    return newest[0] if newest else active_deployment(session, None)


def deployment_in_progress(session: "Session", reference: str | None) -> "DeploymentResponse":
    """
    Return the deployment *reference*, by default the only one that is queued or in progress.

    Raises:
        NoMatchError: If there is no such deployment, or *reference* is None and several are in
            progress.
    """
    if reference is not None:
        return find_deployment(session, reference)
    found = [
        each
        for each in recent_deployments(session, limit=_PAGE)
        if each.status in QUEUED_OR_IN_PROGRESS
    ]
    match found:
        case [one]:
            return one
        case []:
            raise NoMatchError(
                f"{session.project.name} has no deployment in progress. List all deployments: "
                "pushpaka deployments list"
            )
    choices = ", ".join(f"{short_id(each)} ({each.target}, {each.status})" for each in found)
    raise NoMatchError(f"Several deployments are in progress: {choices}. Pass the id of one.")


def find_preview(session: "Session", reference: str) -> "DeploymentResponse":
    """
    Return the running preview of the branch *reference*, else the deployment with that id.

    Raises:
        NoMatchError: If there is neither.
    """
    page = session.client.deployments.list(
        project_id=session.project.id,
        target=preview_target(reference),
        status=DeploymentStatus.RUNNING,
        limit=1,
    )
    if page.data:
        return page.data[0]
    try:
        return find_deployment(session, reference)
    except NoMatchError as error:
        raise NoMatchError(f'No preview of the branch "{reference}" is running. {error}') from None


def recent_deployments(
    session: "Session", *, limit: int, target: str | None = None
) -> "Sequence[DeploymentResponse]":
    """
    Return the latest deployments of the project, newest first, without those of its databases.

    Args:
        session: The session of the command.
        limit: How many deployments to read, including those of databases.
        target: The target, or None for production and all previews.
    """
    page = session.client.deployments.list(
        project_id=session.project.id, target=target, limit=limit
    )
    return [one for one in page.data if not is_database(one.target)]


def short_id(deployment: "DeploymentResponse") -> str:
    """Return the first eight characters of the id, as in the deployment's URL."""
    return deployment.id.hex[:8]


def _complete_id(reference: str) -> UUID | None:
    """Return *reference* as a complete id, or None if it is not one."""
    try:
        return UUID(reference)
    except ValueError:
        return None
