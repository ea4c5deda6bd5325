"""`pushpaka invitations`."""

from typing import TYPE_CHECKING

import click

from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.passwords import password_stdin_option
from pushpaka_http.cli.client.session import Session, with_session
from pushpaka_http.cli.client.signing_in import by_password

if TYPE_CHECKING:
    from pushpaka_http.schemas.members import InvitationResponse

_COLUMNS: Columns = {
    "Project": "project_name",
    "Role": "role",
    "By": "invited_by",
    "Expires": "expires_at",
    "Id": "id",
}


@click.group("invitations")
def command() -> None:
    """Come into the teams that you are invited to."""


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List the projects that you are invited to.

    Example: pushpaka invitations list
    """
    invitations = session.client.invitations.list()
    session.output.table(invitations, _COLUMNS, empty="You are invited to nothing.")


@command.command("accept")
@click.argument("project")
@password_stdin_option
@with_session
def accept(session: Session, *, project: str, has_password: bool) -> None:
    """
    Come into the team of PROJECT.

    It is named by its name, or by the id of the invitation.

    Example: pushpaka invitations accept shop
    """
    found = _find(session, project)
    with by_password(session, has_password=has_password) as client:
        member = client.invitations.accept(found.id)
    session.output.result(member, f"You are a {member.role} of {found.project_name} now.")


@command.command("decline")
@click.argument("project")
@password_stdin_option
@with_session
def decline(session: Session, *, project: str, has_password: bool) -> None:
    """
    Say no to PROJECT.

    It is named by its name, or by the id of the invitation.

    Example: pushpaka invitations decline shop
    """
    found = _find(session, project)
    with by_password(session, has_password=has_password) as client:
        declined = client.invitations.decline(found.id)
    session.output.result(declined, f"You have declined {found.project_name}.")


def _find(session: Session, project: str) -> "InvitationResponse":
    open_ = session.client.invitations.list().data
    return the_one(open_, project, "id", "project_name", what="invitation")
