"""Teams: who may do what with a project beside its owner, and how they come to it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.users import User, UserId, check_email

InvitationId = NewType("InvitationId", UUID)

INVITATION_LIFETIME = timedelta(days=7)
MOST_MEMBERS = 100
"""Of one project, invitations included."""


class ProjectRole(StrEnum):
    """What somebody may do with a project; each includes those before it."""

    VIEWER = "viewer"
    """Look at all that is no secret."""
    MEMBER = "member"
    """Deploy, and change how."""
    OWNER = "owner"
    """Decide who else may, and what others are told and trusted with. A project has one."""

    def includes(self, needed: "ProjectRole") -> bool:
        """Tell whether who has this role may do what *needed* is asked for."""
        return _RANKS.index(self) >= _RANKS.index(needed)


_RANKS = tuple(ProjectRole)


def _check_given_role(value: ProjectRole) -> None:
    if value is ProjectRole.OWNER:
        raise ValueError('must be "viewer" or "member": a project is handed over by a transfer')


@frozen(kw_only=True)
class NewInvitation:
    """Whom somebody wants to have in a team."""

    email: str = field(validator=rule(check_email))
    role: ProjectRole = field(validator=rule(_check_given_role))


@frozen(kw_only=True)
class NewRole:
    """What somebody in a team may do from now on."""

    role: ProjectRole = field(validator=rule(_check_given_role))


@frozen(kw_only=True)
class NewOwner:
    """To whom a project is handed over."""

    owner_id: UserId


@frozen(kw_only=True)
class Member:
    """Somebody in the team of a project, beside its owner."""

    project_id: ProjectId
    user_id: UserId
    role: ProjectRole
    created_at: datetime

    def with_role(self, role: ProjectRole) -> Self:
        """Return this member with another role."""
        return evolve(self, role=role)


@frozen(kw_only=True)
class Invitation:
    """
    A place in a team that waits for whoever has an e-mail address.

    It is worth as much as who made it: once they do not own the project any more, or all
    their tokens were ended, it is worth nothing.
    """

    id: InvitationId
    project_id: ProjectId
    email: str
    """In its normal form."""
    role: ProjectRole
    invited_by: UserId
    token_version: int
    """Of who made it, then."""
    created_at: datetime
    expires_at: datetime

    def is_good(self, project: Project, owner: User, *, at: datetime) -> bool:
        """Tell whether it still opens *project*, which *owner* owns."""
        return (
            at < self.expires_at
            and project.deleted_at is None
            and (owner.id, owner.token_version) == (self.invited_by, self.token_version)
            and owner.disabled_at is None
        )
