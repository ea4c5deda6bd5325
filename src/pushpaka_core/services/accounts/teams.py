"""The team of a project: its owner and its members."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.domain.accounts.members import Invitation, Member, ProjectRole
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import UnitOfWork


@frozen(kw_only=True)
class TeamMember:
    """The owner or a member of a project."""

    project_id: ProjectId
    user: User
    role: ProjectRole
    since: datetime


@frozen(kw_only=True)
class OpenInvitation:
    """An invitation that can be accepted, with its project and the owner."""

    invitation: Invitation
    project: Project
    owner: User


@frozen
class Team:
    """The owner and the members of a project."""

    project: Project
    owner: User
    _users: Sequence[User]
    _members: Sequence[Member]

    @classmethod
    async def load(cls, uow: UnitOfWork, project: Project) -> "Team":
        """Load the team of a project, without checking permissions."""
        accounts = await uow.users.of_team(project)
        (owner,) = (user for user in accounts if user.id == project.user_id)
        return cls(project, owner, accounts, await uow.members.of_project(project))

    @property
    def all(self) -> Sequence[TeamMember]:
        """The owner, then the members, longest-standing first."""
        shown = [self._team_member(self.owner, ProjectRole.OWNER, self.project.created_at)]
        users = {user.id: user for user in self._users}
        return shown + [
            self._team_member(users[m.user_id], m.role, m.created_at) for m in self._members
        ]

    def member(self, id: UserId) -> Member:
        """
        Return a member. The owner is not a member.

        Raises:
            NotFoundError: If there is no such member.
        """
        for member in self._members:
            if member.user_id == id:
                return member
        raise NotFoundError("member")

    def with_account(self, member: Member) -> TeamMember:
        """Return *member* as a `TeamMember`, which includes their account."""
        (user,) = (user for user in self._users if user.id == member.user_id)
        return self._team_member(user, member.role, member.created_at)

    def _team_member(self, user: User, role: ProjectRole, joined_at: datetime) -> TeamMember:
        return TeamMember(project_id=self.project.id, user=user, role=role, since=joined_at)
