"""The command `pushpaka invitations`."""

from typing import TYPE_CHECKING

import click

from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.password_sign_in import password_session
from pushpaka_http.cli.commands.session import Session, with_session
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import password_stdin_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.members import InvitationResponse

_COLUMNS: Columns = {
    "Project": "project_name",
    "Role": "role",
    "Invited by": "invited_by",
    "Expires": "expires_at",
    "Id": "id",
}


@click.group("invitations", cls=ListingGroup)
def command() -> None:
    """
    Accept or decline invitations to projects.

    Without a subcommand, list them.
    """


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List your invitations.

    Example: pushpaka invitations list
    """
    invitations = session.client.invitations.list()
    session.output.table(invitations, _COLUMNS, empty_message="You have no invitations.")


@command.command("accept")
@click.argument("project")
@password_stdin_option
@with_session
def accept(session: Session, *, project: str, reads_password_from_stdin: bool) -> None:
    """
    Accept the invitation to PROJECT.

    PROJECT is the name of the project or the id of the invitation.

    Example: pushpaka invitations accept shop
    """
    found = _find(session, project)
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        member = client.invitations.accept(found.id)
    session.output.result(member, f"You are now a {member.role} of {found.project_name}.")


@command.command("decline")
@click.argument("project")
@password_stdin_option
@with_session
def decline(session: Session, *, project: str, reads_password_from_stdin: bool) -> None:
    """
    Decline the invitation to PROJECT.

    PROJECT is the name of the project or the id of the invitation.

    Example: pushpaka invitations decline shop
    """
    found = _find(session, project)
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        declined = client.invitations.decline(found.id)
    session.output.result(declined, f"Declined the invitation to {found.project_name}.")


def _find(session: Session, project: str) -> "InvitationResponse":
    open_ = session.client.invitations.list().data
    return find_one(open_, project, "id", "project_name", noun="invitation")
