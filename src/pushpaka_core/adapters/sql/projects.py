"""Projects, kept in a table; what belongs to them goes away with them."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import TypeVar
from uuid import UUID

import attrs
import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.counters import count
from pushpaka_core.adapters.sql.schema import members, projects
from pushpaka_core.adapters.sql.statements import Locking, Statements
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import NotFoundError

E = TypeVar("E", bound=attrs.AttrsInstance)

_OWN, _OTHERS = projects.alias("own"), projects.alias("others")
_NEXT_SEQUENCE = (
    sa.update(projects)
    .where(projects.c.id == sa.bindparam("project_id"))
    .values(next_sequence=projects.c.next_sequence + 1)
    .returning(projects.c.next_sequence)
)


def seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for projects that *actor* sees."""
    return belonging_seen_by(actor, projects.c.id)


def belonging_seen_by(actor: Actor, project_id: sa.Column[ProjectId]) -> sa.ColumnElement[bool]:
    """Return the condition for what belongs to projects that *actor* sees."""
    return sa.true() if actor.is_platform else _is_seen(project_id, actor.user_id)


def belonging_seen(
    project_id: sa.Column[ProjectId], *, by_platform: bool
) -> sa.ColumnElement[bool]:
    """Return the same for a statement that is given the `actor_id` each time."""
    return sa.true() if by_platform else _is_seen(project_id, sa.bindparam("actor_id"))


async def get_seen(
    statements: Statements, cls: type[E], table: sa.Table, id: UUID, actor: Actor
) -> E:
    """Return a project, or what belongs to one, that *actor* sees; or raise NotFoundError."""
    query = _seen_with_id(table, by_platform=actor.is_platform).on(statements)
    found = await statements.only(cls, query, id=id, actor_id=actor.user_id)
    if found is None:
        raise NotFoundError(table.info["row"])
    return found


@cache
def _seen_with_id(table: sa.Table, *, by_platform: bool) -> Locking:
    project_id = table.c.id if table is projects else table.c.project_id
    is_seen = belonging_seen(project_id, by_platform=by_platform)
    return Locking.of(sa.select(table).where(table.c.id == sa.bindparam("id"), is_seen), table)


def _is_seen(
    project_id: sa.Column[ProjectId], user_id: UserId | sa.BindParameter[UserId] | None
) -> sa.ColumnElement[bool]:
    own = sa.select(_OWN.c.id).where(_OWN.c.user_id == user_id, _OWN.c.deleted_at.is_(None))
    joined = (
        sa.select(_OTHERS.c.id)
        .join(members, members.c.project_id == _OTHERS.c.id)
        .where(members.c.user_id == user_id, _OTHERS.c.deleted_at.is_(None))
    )
    # Each of the two is found by an index, as they would not be with an "or" between them.
    return project_id.in_(sa.union_all(own, joined))


@frozen
class SqlVisibleProjects:
    """The projects that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ProjectId, /) -> Project:
        """Return one project."""
        return await get_seen(self._statements, Project, projects, id, self._actor)

    async def all(self) -> Sequence[Project]:
        """Return all of them, the newest first."""
        return await self._statements.all(Project, _newest().where(seen_by(self._actor)))


def _newest() -> sa.Select[tuple[object, ...]]:
    return sa.select(projects).order_by(projects.c.created_at.desc(), projects.c.number.desc())


@frozen
class SqlProjects:
    """Projects, by who may see them."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleProjects:
        """Return what *actor* may see."""
        return SqlVisibleProjects(self._statements, actor)

    async def deleted(self) -> Sequence[Project]:
        """Return those that are to be taken away."""
        is_deleted = projects.c.deleted_at.is_not(None)
        return await self._statements.all(Project, _newest().where(is_deleted))

    async def add(self, project: Project, /) -> None:
        """Keep a new project."""
        await self._statements.insert(projects, project)

    async def update(self, project: Project, /) -> Project:
        """Keep a changed project, but for its place in the order of deployments."""
        return await self._statements.update(projects, project, leave=["next_sequence"])

    async def remove(self, project: Project, /) -> None:
        """Take the project away, with all that belongs to it."""
        await self._statements.run(sa.delete(projects).where(projects.c.id == project.id))

    async def next_number(self) -> int:
        """Return the next number of a project."""
        return await count(self._statements, "project_number")

    async def next_sequence(self, project: Project, /) -> int:
        """Return the next place in the order of the project's deployments."""
        found = await self._statements.tuples(_NEXT_SEQUENCE, project_id=project.id)
        if not found:
            raise NotFoundError("project")
        ((following,),) = found
        return int(following) - 1

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs in use that begin with *stem*."""
        begins = projects.c.slug.startswith(stem, autoescape=True)
        return {
            slug
            for (slug,) in await self._statements.tuples(sa.select(projects.c.slug).where(begins))
        }
