"""Views of repositories, which contain only the entities that an actor can view."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from pushpaka_core.domain.ids import ProjectId

Id_contra = TypeVar("Id_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class VisibleById(Protocol[Id_contra, T_co]):
    """A view of a repository in which an actor can look up entities by id."""

    async def get(self, id: Id_contra, /) -> T_co:
        """
        Return the entity with this id.

        Raises:
            NotFoundError: If the entity does not exist or the actor cannot view it.
        """
        ...


class Visible(VisibleById[Id_contra, T_co], Protocol[Id_contra, T_co]):
    """A view of a repository in which an actor can look up entities by id and list them."""

    async def all(self) -> Sequence[T_co]:
        """Return all visible entities, newest first."""
        ...


class VisibleOfProjects(Visible[Id_contra, T_co], Protocol[Id_contra, T_co]):
    """Entities of projects that an actor can view."""

    async def of_project(self, project_id: ProjectId, /) -> Sequence[T_co]:
        """
        Return the entities of a project, newest first.

        The result is empty if the actor cannot view the project.
        """
        ...
