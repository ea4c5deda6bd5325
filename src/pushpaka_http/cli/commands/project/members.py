"""The command `pushpaka members`."""

from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.password_sign_in import password_session
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, password_stdin_option, yes_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.members import MemberResponse

_COLUMNS: Columns = {
    "Account": "email",
    "Name": "name",
    "Role": "role",
    "Since": "created_at",
}
_ROLES = click.Choice([ProjectRole.VIEWER.value, ProjectRole.MEMBER.value])


@click.group("members", cls=ListingGroup)
def command() -> None:
    """
    Manage project members.

    Changing the members of a project requires your password, even if you are signed in. Without a
    subcommand, list the members.
    """


@command.command("list")
@with_project_option
def list_(session: Session) -> None:
    """
    List the members of a project.

    Example: pushpaka members list
    """
    members = session.client.members.list(session.project.id)
    session.output.table(members, _COLUMNS, empty_message="There are no members.")


@command.command("invite")
@click.argument("email")
@click.option(
    "--role",
    type=_ROLES,
    default=ProjectRole.MEMBER.value,
    show_default=True,
    help="Role of the new member.",
)
@password_stdin_option
@with_project_option
def invite(session: Session, *, email: str, role: str, reads_password_from_stdin: bool) -> None:
    """
    Invite someone by email address.

    The person does not need an account yet and can register later.

    Example: pushpaka members invite bob@example.com --role viewer
    """
    project = session.project
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        invited = client.members.invite(project.id, email=email, role=role)
    session.output.result(invited, f"Invited {invited.email} to {project.name}.")
    session.output.message(
        "They can accept with `pushpaka invitations accept` or in the dashboard."
    )


@command.command("role")
@click.argument("email")
@click.argument("role", type=_ROLES)
@password_stdin_option
@with_project_option
def role(session: Session, *, email: str, role: str, reads_password_from_stdin: bool) -> None:
    """
    Change the role of a member.

    Example: pushpaka members role bob@example.com viewer
    """
    member = _find(session, email)
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        changed = client.members.update(session.project.id, member.user_id, role=role)
    session.output.result(changed, f"{changed.email} is now a {changed.role}.")


@command.command("remove")
@click.argument("email")
@yes_option
@password_stdin_option
@with_project_option
def remove(
    session: Session, *, email: str, is_confirmed: bool, reads_password_from_stdin: bool
) -> None:
    """
    Remove a member, or withdraw an invitation.

    Example: pushpaka members remove bob@example.com
    """
    project = session.project
    open_ = session.client.members.invitations(project.id).data
    invitation = next((each for each in open_ if each.email == email), None)
    member = None if invitation else _find(session, email)
    confirm("member", email, is_confirmed=is_confirmed)
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        if invitation is not None:
            result = client.members.withdraw(project.id, invitation.id)
        elif member is not None:
            result = client.members.delete(project.id, member.user_id)
    session.output.result(result, f"Removed {email} from {project.name}.")


def _find(session: Session, email: str) -> "MemberResponse":
    members = session.client.members.list(session.project.id).data
    return find_one(members, email, "email", noun="member")
