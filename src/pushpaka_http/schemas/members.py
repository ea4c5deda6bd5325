"""Response bodies for project members and invitations."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.accounts.members import InvitationId, ProjectRole
from pushpaka_core.domain.ids import ProjectId, UserId

if TYPE_CHECKING:
    from pushpaka_core.services.accounts.teams import OpenInvitation, TeamMember


@frozen(kw_only=True, slots=False)
class MemberResponse:
    """A member of a project. The owner is also a member."""

    project_id: ProjectId
    """Id of the project."""
    user_id: UserId
    """Id of the user."""
    email: str
    """Email address of the user."""
    name: str
    """Name of the user."""
    role: ProjectRole
    """Role in the project."""
    created_at: datetime
    """When the user became a member."""

    @classmethod
    def of(cls, member: "TeamMember") -> Self:
        """Return the response for *member*."""
        return cls(
            project_id=member.project_id,
            user_id=member.user.id,
            email=member.user.email,
            name=member.user.name,
            role=member.role,
            created_at=member.since,
        )


@frozen(kw_only=True, slots=False)
class InvitationResponse:
    """An open invitation of an email address to a project."""

    id: InvitationId
    """Id of the invitation."""
    project_id: ProjectId
    """Id of the project."""
    project_name: str
    """Name of the project."""
    email: str
    """Email address of the invitee."""
    role: ProjectRole
    """Role of the invitee once the invitation is accepted."""
    invited_by: str
    """Email address of the owner who sent the invitation."""
    created_at: datetime
    """When the invitation was sent."""
    expires_at: datetime
    """When the invitation expires."""

    @classmethod
    def of(cls, open_invitation: "OpenInvitation") -> Self:
        """Return the response for an open invitation."""
        invitation = open_invitation.invitation
        return cls(
            id=invitation.id,
            project_id=invitation.project_id,
            project_name=open_invitation.project.name,
            email=invitation.email,
            role=invitation.role,
            invited_by=open_invitation.owner.email,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )
