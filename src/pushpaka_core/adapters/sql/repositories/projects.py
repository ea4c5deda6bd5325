"""Projects in the database. Deleting one deletes everything that belongs to it."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import TypeVar
from uuid import UUID

import attrs
import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.counters import increment
from pushpaka_core.adapters.sql.schema import members, projects
from pushpaka_core.adapters.sql.statements import LockableQuery, Statements
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError

E = TypeVar("E", bound=attrs.AttrsInstance)

_OWN, _OTHERS = projects.alias("own"), projects.alias("others")
_NEXT_SEQUENCE = (
    sa.update(projects)
    .where(projects.c.id == sa.bindparam("project_id"))
    .values(next_sequence=projects.c.next_sequence + 1)
    .returning(projects.c.next_sequence)
)


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for projects that *actor* can view."""
    return in_project_visible_to(actor, projects.c.id)


def in_project_visible_to(actor: Actor, project_id: sa.Column[ProjectId]) -> sa.ColumnElement[bool]:
    """Return the condition for rows that belong to a project that *actor* can view."""
    return sa.true() if actor.is_platform else _is_visible(project_id, actor.user_id)


def in_visible_project(
    project_id: sa.Column[ProjectId], *, as_platform: bool
) -> sa.ColumnElement[bool]:
    """
    Return the condition of `in_project_visible_to` with the bind parameter `actor_id`, for cached
    statements.
    """
    return sa.true() if as_platform else _is_visible(project_id, sa.bindparam("actor_id"))


async def get_visible(
    statements: Statements, cls: type[E], table: sa.Table, id: UUID, actor: Actor
) -> E:
    """
    Return the row of *table* with this id, if it belongs to a project that *actor* can view.
    Otherwise, raise NotFoundError.
    """
    query = _visible_with_id(table, as_platform=actor.is_platform).for_transaction(statements)
    found = await statements.only(cls, query, id=id, actor_id=actor.user_id)
    if found is None:
        raise NotFoundError(table.info["noun"])
    return found


@cache
def _visible_with_id(table: sa.Table, *, as_platform: bool) -> LockableQuery:
    project_id = table.c.id if table is projects else table.c.project_id
    is_seen = in_visible_project(project_id, as_platform=as_platform)
    return LockableQuery.from_query(
        sa.select(table).where(table.c.id == sa.bindparam("id"), is_seen), table
    )


def _is_visible(
    project_id: sa.Column[ProjectId], user_id: UserId | sa.BindParameter[UserId] | None
) -> sa.ColumnElement[bool]:
    own = sa.select(_OWN.c.id).where(_OWN.c.user_id == user_id, _OWN.c.deleted_at.is_(None))
    joined = (
        sa.select(_OTHERS.c.id)
        .join(members, members.c.project_id == _OTHERS.c.id)
        .where(members.c.user_id == user_id, _OTHERS.c.deleted_at.is_(None))
    )
    # A union, because each part uses an index. An OR of both would not.
    return project_id.in_(sa.union_all(own, joined))


@frozen
class SqlVisibleProjects:
    """SQL implementation of `VisibleProjects`."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ProjectId, /) -> Project:
        return await get_visible(self._statements, Project, projects, id, self._actor)

    async def all(self) -> Sequence[Project]:
        return await self._statements.all(
            Project, _newest_projects().where(visible_to(self._actor))
        )


def _newest_projects() -> sa.Select[tuple[object, ...]]:
    return sa.select(projects).order_by(projects.c.created_at.desc(), projects.c.number.desc())


@frozen
class SqlProjects:
    """SQL implementation of `Projects`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleProjects:
        return SqlVisibleProjects(self._statements, actor)

    async def list_being_deleted(self) -> Sequence[Project]:
        is_deleted = projects.c.deleted_at.is_not(None)
        return await self._statements.all(Project, _newest_projects().where(is_deleted))

    async def add(self, project: Project, /) -> None:
        await self._statements.insert(projects, project)

    async def update(self, project: Project, /) -> Project:
        return await self._statements.update(projects, project, excluded_columns=["next_sequence"])

    async def remove(self, project: Project, /) -> None:
        await self._statements.run(sa.delete(projects).where(projects.c.id == project.id))

    async def next_number(self) -> int:
        return await increment(self._statements, "project_number")

    async def next_sequence(self, project: Project, /) -> int:
        found = await self._statements.tuples(_NEXT_SEQUENCE, project_id=project.id)
        if not found:
            raise NotFoundError("project")
        ((following,),) = found
        return int(following) - 1

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        begins = projects.c.slug.startswith(stem, autoescape=True)
        return {
            slug
            for (slug,) in await self._statements.tuples(sa.select(projects.c.slug).where(begins))
        }
