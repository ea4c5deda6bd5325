"""Project members, their roles, and invitations."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.users import User, check_email
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.validation import validated_by

INVITATION_LIFETIME = timedelta(days=7)
"""How long an invitation can be accepted."""
MAX_MEMBERS = 100
"""The maximum number of members and invitations per project."""


class ProjectRole(StrEnum):
    """A role in a project. Each role includes those before it."""

    VIEWER = "viewer"
    """Can view everything except secrets."""
    MEMBER = "member"
    """Can deploy and change settings."""
    OWNER = "owner"
    """
    Can also delete the project and manage its members and integrations.

    Integrations are custom domains, deploy keys, webhooks and notifications. A project has exactly
    one owner.
    """

    def grants(self, required_role: "ProjectRole") -> bool:
        """Return True if this role grants everything that *required_role* does."""
        return _RANKS.index(self) >= _RANKS.index(required_role)


_RANKS = tuple(ProjectRole)


def _check_assignable_role(value: ProjectRole) -> None:
    if value is ProjectRole.OWNER:
        raise ValueError('must be "viewer" or "member". To change the owner, transfer the project')


@frozen(kw_only=True)
class NewInvitation:
    """The input for inviting someone to a project."""

    email: str = field(validator=validated_by(check_email))
    """Email address of the invitee, with or without an account."""
    role: ProjectRole = field(validator=validated_by(_check_assignable_role))
    """Role of the invitee: "viewer" or "member"."""


@frozen(kw_only=True)
class RoleChange:
    """The input for changing the role of a member."""

    role: ProjectRole = field(validator=validated_by(_check_assignable_role))
    """New role: "viewer" or "member"."""


@frozen(kw_only=True)
class ProjectTransfer:
    """The input for transferring a project."""

    owner_id: UserId
    """User id of the member who becomes the owner."""


@frozen(kw_only=True)
class Member:
    """A member of a project, other than its owner."""

    project_id: ProjectId
    user_id: UserId
    role: ProjectRole
    created_at: datetime

    def with_role(self, role: ProjectRole) -> Self:
        """Return a copy of this member with another role."""
        return evolve(self, role=role)


InvitationId = NewType("InvitationId", UUID)


@frozen(kw_only=True)
class Invitation:
    """
    An invitation of an email address to a project.

    It becomes invalid when the inviting user no longer owns the project or revokes all tokens.
    """

    id: InvitationId
    project_id: ProjectId
    email: str
    """The email address in its normalized form."""
    role: ProjectRole
    invited_by: UserId
    token_version: int
    """The token version of the inviting user at the time of the invitation."""
    created_at: datetime
    expires_at: datetime

    def is_valid(self, project: Project, owner: User, *, now: datetime) -> bool:
        """
        Return True if the invitation can still be accepted.

        Args:
            project: The project of the invitation.
            owner: The owner of the project.
            now: The current time.
        """
        return (
            now < self.expires_at
            and project.deleted_at is None
            and (owner.id, owner.token_version) == (self.invited_by, self.token_version)
            and owner.disabled_at is None
        )


INVITATIONS = EntityType[InvitationId, Invitation](
    entity=Invitation, noun="invitation", table="invitations", unique="email"
)
