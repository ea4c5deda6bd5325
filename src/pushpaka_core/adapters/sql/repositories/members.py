"""Project members and invitations in the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.project_entities import SqlProjectEntities
from pushpaka_core.adapters.sql.repositories.projects import in_visible_project
from pushpaka_core.adapters.sql.schema import invitations, members, projects, users
from pushpaka_core.adapters.sql.statements import Statements, entity
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import (
    INVITATIONS,
    Invitation,
    InvitationId,
    Member,
    ProjectRole,
)
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError

_OLDEST_FIRST = invitations.c.created_at, invitations.c.id


@frozen
class SqlVisibleMembers:
    """SQL implementation of `VisibleMembers`."""

    _statements: Statements
    _actor: Actor

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        """Return the actor's role in a project. Does not lock the project."""
        roles = await self.own_roles([project_id])
        if project_id not in roles:
            raise NotFoundError("project")
        return roles[project_id]

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        query = _roles(as_platform=self._actor.is_platform)
        found = await self._statements.tuples(
            query, project_ids=list(project_ids), actor_id=self._actor.user_id
        )
        # An actor who can view a project without being a member is its owner or the platform.
        return {project_id: ProjectRole(role or ProjectRole.OWNER) for project_id, role in found}


@cache
def _roles(*, as_platform: bool) -> sa.Select[tuple[ProjectId, str]]:
    """Return a query for the actor's roles in some projects."""
    is_its = (members.c.project_id == projects.c.id) & (
        members.c.user_id == sa.bindparam("actor_id")
    )
    is_wanted = projects.c.id.in_(sa.bindparam("project_ids", expanding=True))
    return (
        sa.select(projects.c.id, members.c.role)
        .select_from(projects.outerjoin(members, is_its))
        .where(is_wanted, in_visible_project(projects.c.id, as_platform=as_platform))
    )


@frozen
class SqlMembers:
    """SQL implementation of `Members`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleMembers:
        return SqlVisibleMembers(self._statements, actor)

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        query = sa.select(members).where(members.c.project_id == project.id)
        return await self._statements.all(
            Member, query.order_by(members.c.created_at, members.c.user_id)
        )

    async def put(self, member: Member, /) -> None:
        await self._statements.upsert(members, member)

    async def remove(self, member: Member, /) -> None:
        is_it = members.c.project_id == member.project_id, members.c.user_id == member.user_id
        await self._statements.run(sa.delete(members).where(*is_it))


@frozen
class SqlInvitations(SqlProjectEntities[InvitationId, Invitation]):
    """SQL implementation of `Invitations`."""

    _type: EntityType[InvitationId, Invitation] = INVITATIONS

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        query = sa.select(invitations).where(invitations.c.project_id == project.id)
        return await self._statements.all(Invitation, query.order_by(*_OLDEST_FIRST))

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
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

    async def remove_expired(self, now: datetime, /) -> None:
        await self._statements.run(sa.delete(invitations).where(invitations.c.expires_at <= now))
