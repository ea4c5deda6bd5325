"""Teams and invitations, kept in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables, refuse_taken
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import Invitation, Member, ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleMembers:
    """The teams that one actor is in."""

    _tables: Tables
    _actor: Actor

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        """Return what the actor may do with a project."""
        role = role_of(self._tables, project_id, self._actor)
        if role is None:
            raise NotFoundError("project")
        return role

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        """Return what the actor may do with each of the projects that they see."""
        roles = ((each, role_of(self._tables, each, self._actor)) for each in project_ids)
        return {each: role for each, role in roles if role is not None}


@frozen
class MemoryMembers:
    """Who is in the team of a project, beside its owner."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleMembers:
        """Return what *actor* is in."""
        return MemoryVisibleMembers(self._tables, actor)

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        """Return the team of a project, the longest-lived first."""
        team = self._tables.members.where(lambda member: member.project_id == project.id)
        return sorted(team, key=lambda member: (member.created_at, member.user_id))

    async def put(self, member: Member, /) -> None:
        """Keep a new member or a new role."""
        self._tables.projects.get(member.project_id, "project")
        self._tables.users.get(member.user_id, "project")
        self._tables.members.put((member.project_id, member.user_id), member)

    async def remove(self, member: Member, /) -> None:
        """Take a member out of the team."""
        self._tables.members.remove((member.project_id, member.user_id))


@frozen
class MemoryInvitations:
    """Places in teams that wait for somebody."""

    _tables: Tables

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        """Return those of a project, the oldest first."""
        return _oldest_first(self._tables.invitations.where(lambda i: i.project_id == project.id))

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
        """Return those for the e-mail address of an account, the oldest first."""
        found = _oldest_first(self._tables.invitations.where(lambda i: i.email == user.email))
        projects = [self._tables.projects.get(i.project_id, "project") for i in found]
        owners = [self._tables.users.get(project.user_id, "user") for project in projects]
        return list(zip(found, projects, owners, strict=True))

    async def add(self, invitation: Invitation, /) -> None:
        """Keep a new invitation."""
        self._tables.projects.get(invitation.project_id, "project")
        place = invitation.project_id, invitation.email
        others = self._tables.invitations.where(lambda i: (i.project_id, i.email) == place)
        refuse_taken(others, "invitation")
        self._tables.invitations.add(invitation.id, invitation)

    async def remove(self, invitation: Invitation, /) -> None:
        """Take an invitation away."""
        self._tables.invitations.remove(invitation.id)

    async def forget(self, at: datetime, /) -> None:
        """Take away what has expired at a time."""
        self._tables.invitations.remove_where(lambda invitation: invitation.expires_at <= at)


def role_of(tables: Tables, project_id: ProjectId, actor: Actor) -> ProjectRole | None:
    """Return what *actor* may do with a project; None where there is none for them."""
    project = tables.projects.find(project_id)
    if project is None or actor.is_platform:
        return None if project is None else ProjectRole.OWNER
    if project.deleted_at is not None:
        return None
    if project.user_id == actor.user_id:
        return ProjectRole.OWNER
    member = tables.members.find((project_id, actor.require_user()))
    return None if member is None else member.role


def is_visible(tables: Tables, project_id: ProjectId, actor: Actor) -> bool:
    """Tell whether *actor* sees a project, and so what belongs to it."""
    return role_of(tables, project_id, actor) is not None


def _oldest_first(invitations: Sequence[Invitation]) -> Sequence[Invitation]:
    return sorted(invitations, key=lambda invitation: (invitation.created_at, invitation.id))
