"""`pushpaka rollback`."""

from collections.abc import Iterator

import click

from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_http.cli.client.begun import begins_deployment
from pushpaka_http.cli.client.deployment_choice import deployment_named, recent, serving, short
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.session import Session
from pushpaka_http.schemas.deployments import DeploymentResponse

_HAVE_RUN = SERVING | {DeploymentStatus.STOPPED}
_MOST = 100


@click.command("rollback")
@click.argument("named", metavar="[ID]", required=False)
@begins_deployment
def command(session: Session, *, named: str | None) -> DeploymentResponse:
    """
    Serve again what deployment ID served, at once: nothing is built.

    Without ID it is the one that production served before the present one, as far as what
    it built is kept. A rollback is undone by another one, so there is no question. It is
    followed as by `pushpaka deploy`.

    Example: pushpaka rollback 1f3d5a7c
    """
    if named is None:
        return _step_back(session)
    return session.client.deployments.rollback(deployment_named(session, named).id)


def _step_back(session: Session) -> DeploymentResponse:
    from pushpaka_http.client import ConflictError

    for earlier in _earlier(session):
        try:
            begun = session.client.deployments.rollback(earlier.id)
        except ConflictError as error:
            session.output.say(f"Not to {short(earlier)}: {error.message}")
            continue
        session.output.say(f"Back to {short(earlier)} of {earlier.created_at:%Y-%m-%d %H:%M} UTC.")
        return begun
    raise NoSuchThingError(
        f"{session.project.name} has served nothing before that could be served again."
    )


def _earlier(session: Session) -> Iterator[DeploymentResponse]:
    """Yield what production served before, the last first."""
    present = serving(session, None)
    for each in recent(session, limit=_MOST, target=PRODUCTION):
        if each.status in _HAVE_RUN and each.sequence < present.sequence:
            yield each
