"""Entities of projects in the database, for any type."""

from collections.abc import Sequence
from typing import Generic

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.projects import get_visible, in_project_visible_to
from pushpaka_core.adapters.sql.schema import metadata
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.entities import E, EntityType, Id
from pushpaka_core.errors import NotFoundError


@frozen
class SqlVisibleEntities(Generic[Id, E]):
    """SQL implementation of `VisibleOfProjects`."""

    _statements: Statements
    _type: EntityType[Id, E]
    _actor: Actor

    async def get(self, id: Id, /) -> E:
        return await get_visible(self._statements, self._type.entity, self._table, id, self._actor)

    async def all(self) -> Sequence[E]:
        return await self._newest_first()

    async def of_project(self, project_id: ProjectId, /) -> Sequence[E]:
        return await self._newest_first(self._table.c.project_id == project_id)

    async def _newest_first(self, *conditions: sa.ColumnElement[bool]) -> Sequence[E]:
        newest = self._table.c.created_at.desc(), self._table.c.id.desc()
        query = sa.select(self._table).where(self._is_visible, *conditions).order_by(*newest)
        return await self._statements.all(self._type.entity, query)

    @property
    def _is_visible(self) -> sa.ColumnElement[bool]:
        return in_project_visible_to(self._actor, self._table.c.project_id)

    @property
    def _table(self) -> sa.Table:
        return metadata.tables[self._type.table]


@frozen
class SqlProjectEntities(Generic[Id, E]):
    """SQL implementation of `ProjectEntities`."""

    _statements: Statements
    _type: EntityType[Id, E]

    def visible_to(self, actor: Actor, /) -> SqlVisibleEntities[Id, E]:
        return SqlVisibleEntities(self._statements, self._type, actor)

    async def add(self, entity: E, /) -> None:
        await self._statements.insert(self._table, entity)

    async def update(self, entity: E, /) -> None:
        if not await self._statements.replace(self._table, entity):
            raise NotFoundError(self._type.noun)

    async def remove(self, entity: E, /) -> None:
        await self._statements.run(sa.delete(self._table).where(self._table.c.id == entity.id))

    @property
    def _table(self) -> sa.Table:
        return metadata.tables[self._type.table]
