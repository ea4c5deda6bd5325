"""The command `pushpaka rollback`."""

from collections.abc import Iterator

import click

from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_http.cli.commands.deployment_choice import (
    active_deployment,
    find_deployment,
    recent_deployments,
    short_id,
)
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.commands.started_deployment import starts_deployment
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.schemas.deployments import DeploymentResponse

_ROLLBACK_STATUSES = SERVING | {DeploymentStatus.STOPPED}
_MAX_DEPLOYMENTS = 100


@click.command("rollback")
@click.argument("reference", metavar="[ID]", required=False)
@starts_deployment
def command(session: Session, *, reference: str | None) -> DeploymentResponse:
    """
    Roll back to an earlier deployment.

    Nothing is built. ID defaults to the most recent earlier production deployment whose build still
    exists. There is no confirmation, because you can undo a rollback with another one. The output
    and exit codes are the same as those of `pushpaka deploy`.

    Example: pushpaka rollback 1f3d5a7c
    """
    if reference is None:
        return _roll_back_to_previous(session)
    return session.client.deployments.rollback(find_deployment(session, reference).id)


def _roll_back_to_previous(session: Session) -> DeploymentResponse:
    from pushpaka_http.client import ConflictError

    for earlier in _earlier_deployments(session):
        try:
            rollback = session.client.deployments.rollback(earlier.id)
        except ConflictError as error:
            session.output.message(f"Skipped {short_id(earlier)}: {error.message}")
            continue
        session.output.message(
            f"Rolling back to {short_id(earlier)} of {earlier.created_at:%Y-%m-%d %H:%M} UTC."
        )
        return rollback
    raise NoMatchError(
        f"{session.project.name} has no earlier deployment to roll back to. List all deployments: "
        "pushpaka deployments list"
    )


def _earlier_deployments(session: Session) -> Iterator[DeploymentResponse]:
    """Yield earlier deployments of production that have run, newest first."""
    present = active_deployment(session, None)
    for each in recent_deployments(session, limit=_MAX_DEPLOYMENTS, target=PRODUCTION):
        if each.status in _ROLLBACK_STATUSES and each.sequence < present.sequence:
            yield each
