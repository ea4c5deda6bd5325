"""How teams look, and who is invited into them."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.members import InvitationId, ProjectRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId

if TYPE_CHECKING:
    from pushpaka_core.services.teams import OpenInvitation, TeamMember


@frozen(kw_only=True, slots=False)
class MemberResponse:
    """Somebody in the team of a project; its owner is one."""

    project_id: ProjectId
    user_id: UserId
    email: str
    name: str
    role: ProjectRole
    created_at: datetime

    @classmethod
    def of(cls, member: "TeamMember") -> Self:
        """Show a member to the others."""
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
    """A place in a team that waits for whoever has an e-mail address."""

    id: InvitationId
    project_id: ProjectId
    project_name: str
    email: str
    role: ProjectRole
    invited_by: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, opened: "OpenInvitation") -> Self:
        """Show an invitation to who made it and to whom it is for."""
        invitation = opened.invitation
        return cls(
            id=invitation.id,
            project_id=invitation.project_id,
            project_name=opened.project.name,
            email=invitation.email,
            role=invitation.role,
            invited_by=opened.owner.email,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )
