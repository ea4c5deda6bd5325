"""The repository interface for all types of entities that belong to projects."""

from typing import Protocol, TypeVar
from uuid import UUID

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.projects.entities import E
from pushpaka_core.ports.storage.views import VisibleOfProjects

Id_contra = TypeVar("Id_contra", bound=UUID, contravariant=True)


class ProjectEntities(Protocol[Id_contra, E]):
    """The entities of one type, for example notification channels."""

    def visible_to(self, actor: Actor, /) -> VisibleOfProjects[Id_contra, E]:
        """Return the entities that *actor* can view."""
        ...

    async def add(self, entity: E, /) -> None:
        """
        Add an entity.

        Raises:
            DuplicateError: If another entity of the project has the same value in the unique field
                of this type.
        """

    async def update(self, entity: E, /) -> None:
        """
        Update an entity.

        Raises:
            DuplicateError: If another entity of the project has the same value in the unique field
                of this type.
            NotFoundError: If the entity was deleted in the meantime.
        """

    async def remove(self, entity: E, /) -> None:
        """Delete an entity, and everything that belongs to it. Idempotent."""
