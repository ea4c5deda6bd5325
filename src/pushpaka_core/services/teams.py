"""What is known of the team of a project, as services and their callers need it."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.domain.members import Invitation, Member, ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import UnitOfWork


@frozen(kw_only=True)
class TeamMember:
    """Somebody in a team, its owner included, as the others see them."""

    project_id: ProjectId
    user: User
    role: ProjectRole
    since: datetime


@frozen(kw_only=True)
class OpenInvitation:
    """An invitation that is good, with what it is to and who made it."""

    invitation: Invitation
    project: Project
    owner: User


@frozen
class Team:
    """The owner and the members of a project."""

    project: Project
    owner: User
    _accounts: Sequence[User]
    _members: Sequence[Member]

    @classmethod
    async def of(cls, uow: UnitOfWork, project: Project) -> "Team":
        """Return the team of a project that somebody has seen."""
        accounts = await uow.users.of_team(project)
        (owner,) = (user for user in accounts if user.id == project.user_id)
        return cls(project, owner, accounts, await uow.members.of_project(project))

    @property
    def all(self) -> Sequence[TeamMember]:
        """Return the owner and then the members, the longest-lived first."""
        shown = [self._shown(self.owner, ProjectRole.OWNER, self.project.created_at)]
        users = {user.id: user for user in self._accounts}
        return shown + [self._shown(users[m.user_id], m.role, m.created_at) for m in self._members]

    def member(self, id: UserId) -> Member:
        """Return one of the members, or raise NotFoundError; the owner is none."""
        for member in self._members:
            if member.user_id == id:
                return member
        raise NotFoundError("member")

    def shown(self, member: Member) -> TeamMember:
        """Return a member, as they are by now, as others see them."""
        (user,) = (user for user in self._accounts if user.id == member.user_id)
        return self._shown(user, member.role, member.created_at)

    def _shown(self, user: User, role: ProjectRole, since: datetime) -> TeamMember:
        return TeamMember(project_id=self.project.id, user=user, role=role, since=since)
