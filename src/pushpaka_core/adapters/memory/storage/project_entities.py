"""Entities of projects in memory, for any type."""

from collections.abc import Sequence
from typing import Generic

from attrs import frozen

from pushpaka_core.adapters.memory.storage.tables import (
    Tables,
    is_visible,
    remove_entities,
    require_unique,
)
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.entities import E, EntityType, Id
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleEntities(Generic[Id, E]):
    """In-memory implementation of `VisibleOfProjects`."""

    _tables: Tables
    _type: EntityType[Id, E]
    _actor: Actor

    async def get(self, id: Id, /) -> E:
        entity = self._tables.entities.get(id, self._type.noun)
        if not isinstance(entity, self._type.entity) or not self._is_visible(entity):
            raise NotFoundError(self._type.noun)
        return entity

    async def all(self) -> Sequence[E]:
        visible = [e for e in self._tables.entities_of(self._type) if self._is_visible(e)]
        return sorted(visible, key=lambda entity: (entity.created_at, entity.id), reverse=True)

    async def of_project(self, project_id: ProjectId, /) -> Sequence[E]:
        return [entity for entity in await self.all() if entity.project_id == project_id]

    def _is_visible(self, entity: E) -> bool:
        return is_visible(self._tables, entity.project_id, self._actor)


@frozen
class MemoryProjectEntities(Generic[Id, E]):
    """In-memory implementation of `ProjectEntities`."""

    _tables: Tables
    _type: EntityType[Id, E]

    def visible_to(self, actor: Actor, /) -> MemoryVisibleEntities[Id, E]:
        return MemoryVisibleEntities(self._tables, self._type, actor)

    async def add(self, entity: E, /) -> None:
        self._tables.projects.get(entity.project_id, "project")
        self._require_unique(entity)
        self._tables.entities.add(entity.id, entity)

    async def update(self, entity: E, /) -> None:
        self._tables.entities.get(entity.id, self._type.noun)
        self._require_unique(entity)
        self._tables.entities.put(entity.id, entity)

    async def remove(self, entity: E, /) -> None:
        remove_entities(self._tables, lambda each: each.id == entity.id)

    def _require_unique(self, entity: E) -> None:
        if self._type.unique is None:
            return
        value = getattr(entity, self._type.unique)
        others = (
            each
            for each in self._tables.entities_of(self._type)
            if each.project_id == entity.project_id and each.id != entity.id
        )
        same = (each for each in others if getattr(each, self._type.unique) == value)
        require_unique(same, self._type.noun)
