"""Teams and invitations, kept in tables."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen
from pushpaka_core.adapters.sql.schema import invitations, members, projects, users
from pushpaka_core.adapters.sql.statements import Statements, entity
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import Invitation, Member, ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User
from pushpaka_core.errors import NotFoundError

_OLDEST_FIRST = invitations.c.created_at, invitations.c.id


@frozen
class SqlVisibleMembers:
    """The teams that one actor is in."""

    _statements: Statements
    _actor: Actor

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        """Return what the actor may do with a project; nobody waits for who has it."""
        roles = await self.own_roles([project_id])
        if project_id not in roles:
            raise NotFoundError("project")
        return roles[project_id]

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        """Return what the actor may do with each of the projects that they see."""
        query = _roles(by_platform=self._actor.is_platform)
        found = await self._statements.tuples(
            query, project_ids=list(project_ids), actor_id=self._actor.user_id
        )
        # Who sees a project without being a member of it owns it, or is the platform.
        return {project_id: ProjectRole(role or ProjectRole.OWNER) for project_id, role in found}


@cache
def _roles(*, by_platform: bool) -> sa.Select[tuple[ProjectId, str]]:
    """Return the query for the roles of the actor in some projects."""
    is_its = (members.c.project_id == projects.c.id) & (
        members.c.user_id == sa.bindparam("actor_id")
    )
    is_wanted = projects.c.id.in_(sa.bindparam("project_ids", expanding=True))
    return (
        sa.select(projects.c.id, members.c.role)
        .select_from(projects.outerjoin(members, is_its))
        .where(is_wanted, belonging_seen(projects.c.id, by_platform=by_platform))
    )


@frozen
class SqlMembers:
    """Who is in the team of a project, beside its owner."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleMembers:
        """Return what *actor* is in."""
        return SqlVisibleMembers(self._statements, actor)

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        """Return the team of a project, the longest-lived first."""
        query = sa.select(members).where(members.c.project_id == project.id)
        return await self._statements.all(
            Member, query.order_by(members.c.created_at, members.c.user_id)
        )

    async def put(self, member: Member, /) -> None:
        """Keep a new member or a new role."""
        await self._statements.put(members, member)

    async def remove(self, member: Member, /) -> None:
        """Take a member out of the team."""
        is_it = members.c.project_id == member.project_id, members.c.user_id == member.user_id
        await self._statements.run(sa.delete(members).where(*is_it))


@frozen
class SqlInvitations:
    """Places in teams that wait for somebody."""

    _statements: Statements

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        """Return those of a project, the oldest first."""
        query = sa.select(invitations).where(invitations.c.project_id == project.id)
        return await self._statements.all(Invitation, query.order_by(*_OLDEST_FIRST))

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
        """Return those for the e-mail address of an account, the oldest first."""
        query = (
            sa.select(invitations, projects, users)
            .join(projects, projects.c.id == invitations.c.project_id)
            .join(users, users.c.id == projects.c.user_id)
            .where(invitations.c.email == user.email)
        )
        found = await self._statements.tuples(query.order_by(*_OLDEST_FIRST))
        return [
            (
                entity(Invitation, invitations, values),
                entity(Project, projects, values),
                entity(User, users, values),
            )
            for values in map(iter, found)
        ]

    async def add(self, invitation: Invitation, /) -> None:
        """Keep a new invitation."""
        await self._statements.insert(invitations, invitation)

    async def remove(self, invitation: Invitation, /) -> None:
        """Take an invitation away."""
        is_it = invitations.c.id == invitation.id
        await self._statements.run(sa.delete(invitations).where(is_it))

    async def forget(self, at: datetime, /) -> None:
        """Take away what has expired at a time."""
        await self._statements.run(sa.delete(invitations).where(invitations.c.expires_at <= at))
