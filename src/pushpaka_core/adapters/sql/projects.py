"""Projects, kept in a table; what belongs to them goes away with them."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.counters import count
from pushpaka_core.adapters.sql.schema import members, projects
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.errors import NotFoundError


def seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for projects that *actor* sees."""
    return belonging_seen_by(actor, projects.c.id)


def belonging_seen_by(actor: Actor, project_id: sa.Column[ProjectId]) -> sa.ColumnElement[bool]:
    """Return the condition for what belongs to projects that *actor* sees."""
    if actor.is_platform:
        return sa.true()
    # Each of the two is found by an index, as they would not be with an "or" between them.
    return project_id.in_(sa.union_all(owned_ids(actor), joined_ids(actor)))


def owned_ids(actor: Actor) -> sa.Select[tuple[ProjectId]]:
    """Return the projects that are *actor*'s own."""
    own = projects.alias("own")
    return sa.select(own.c.id).where(own.c.user_id == actor.user_id, own.c.deleted_at.is_(None))


def joined_ids(actor: Actor) -> sa.Select[tuple[ProjectId]]:
    """Return the projects in whose teams *actor* is."""
    others = projects.alias("others")
    is_in_team = members.c.user_id == actor.user_id
    return (
        sa.select(others.c.id)
        .join(members, members.c.project_id == others.c.id)
        .where(is_in_team, others.c.deleted_at.is_(None))
    )


@frozen
class SqlVisibleProjects:
    """The projects that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ProjectId, /) -> Project:
        """Return one project."""
        return await self._statements.get(
            Project, projects, projects.c.id == id, seen_by(self._actor)
        )

    async def all(self) -> Sequence[Project]:
        """Return all of them, the newest first."""
        newest = projects.c.created_at.desc(), projects.c.number.desc()
        query = sa.select(projects).where(seen_by(self._actor)).order_by(*newest)
        return await self._statements.all(Project, query)


@frozen
class SqlProjects:
    """Projects, by who may see them."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleProjects:
        """Return what *actor* may see."""
        return SqlVisibleProjects(self._statements, actor)

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
        following = await self._statements.scalar(
            sa.update(projects)
            .where(projects.c.id == project.id)
            .values(next_sequence=projects.c.next_sequence + 1)
            .returning(projects.c.next_sequence)
        )
        if following is None:
            raise NotFoundError("project")
        return int(following) - 1

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs in use that begin with *stem*."""
        begins = projects.c.slug.startswith(stem, autoescape=True)
        return {
            slug
            for (slug,) in await self._statements.tuples(sa.select(projects.c.slug).where(begins))
        }
