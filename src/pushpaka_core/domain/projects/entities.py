"""The common interface of entities that belong to projects, such as webhooks."""

from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import attrs
from attrs import frozen

from pushpaka_core.domain.ids import ProjectId


class ProjectEntity(attrs.AttrsInstance, Protocol):
    """An entity that belongs to a project and is deleted with it."""

    @property
    def id(self) -> UUID:
        """Return the id, which is unique among all entities."""
        ...

    @property
    def project_id(self) -> ProjectId:
        """Return the id of the project."""
        ...

    @property
    def created_at(self) -> datetime:
        """Return the time of creation."""
        ...


Id = TypeVar("Id", bound=UUID)
E = TypeVar("E", bound=ProjectEntity)


@frozen(kw_only=True)
class EntityType(Generic[Id, E]):
    """
    A type of entity that belongs to projects, declared once for every storage.

    `UnitOfWork.entities` returns the repository of a type.
    """

    entity: type[E]
    """The class of the entities."""
    noun: str
    """The name of one entity in error messages."""
    table: str
    """The name of the database table."""
    unique: str | None = None
    """The field whose value is unique in the project, or None."""
