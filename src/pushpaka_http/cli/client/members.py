"""`pushpaka members`."""

from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.members import ProjectRole
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.passwords import password_stdin_option
from pushpaka_http.cli.client.session import Session, in_project
from pushpaka_http.cli.client.signing_in import by_password

if TYPE_CHECKING:
    from pushpaka_http.schemas.members import MemberResponse

_COLUMNS: Columns = {
    "Account": "email",
    "Name": "name",
    "Role": "role",
    "Since": "created_at",
}
_ROLES = click.Choice([ProjectRole.VIEWER.value, ProjectRole.MEMBER.value])


@click.group("members")
def command() -> None:
    """
    Have others look at a project, or work on it.

    What changes a team asks for your password: no API token may do it.
    """


@command.command("list")
@in_project
def list_(session: Session) -> None:
    """
    List the team of a project.

    Example: pushpaka members list
    """
    members = session.client.members.list(session.project.id)
    session.output.table(members, _COLUMNS, empty="There is nobody.")


@command.command("invite")
@click.argument("email")
@click.option("--role", type=_ROLES, default=ProjectRole.MEMBER.value, show_default=True)
@password_stdin_option
@in_project
def invite(session: Session, *, email: str, role: str, has_password: bool) -> None:
    """
    Invite somebody by the address of their account.

    They may have none yet.

    Example: pushpaka members invite bob@example.com --role viewer
    """
    project = session.project
    with by_password(session, has_password=has_password) as client:
        invited = client.members.invite(project.id, email=email, role=role)
    session.output.result(invited, f"{invited.email} is invited to {project.name}.")
    session.output.say("They accept by `pushpaka invitations accept`, or in the dashboard.")


@command.command("role")
@click.argument("email")
@click.argument("role", type=_ROLES)
@password_stdin_option
@in_project
def role(session: Session, *, email: str, role: str, has_password: bool) -> None:
    """
    Give a member another ROLE.

    Example: pushpaka members role bob@example.com viewer
    """
    member = _find(session, email)
    with by_password(session, has_password=has_password) as client:
        changed = client.members.update(session.project.id, member.user_id, role=role)
    session.output.result(changed, f"{changed.email} is a {changed.role} now.")


@command.command("remove")
@click.argument("email")
@yes_option
@password_stdin_option
@in_project
def remove(session: Session, *, email: str, is_sure: bool, has_password: bool) -> None:
    """
    Take a member out of the team, or an invitation back.

    Example: pushpaka members remove bob@example.com
    """
    project = session.project
    open_ = session.client.members.invitations(project.id).data
    invitation = next((each for each in open_ if each.email == email), None)
    member = None if invitation else _find(session, email)
    confirm("place in the team of", email, is_sure=is_sure)
    with by_password(session, has_password=has_password) as client:
        if invitation is not None:
            gone = client.members.withdraw(project.id, invitation.id)
        elif member is not None:
            gone = client.members.delete(project.id, member.user_id)
    session.output.result(gone, f"{email} has no place in the team of {project.name} any more.")


def _find(session: Session, email: str) -> "MemberResponse":
    members = session.client.members.list(session.project.id).data
    return the_one(members, email, "email", what="member")
