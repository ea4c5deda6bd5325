"""The one place where somebody is given what they want to do something with."""

from typing import Protocol, TypeVar

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.errors import NotAllowedError
from pushpaka_core.ports.storage import UnitOfWork


class _Part(Protocol):
    @property
    def project_id(self) -> ProjectId: ...


_I_contra = TypeVar("_I_contra", contravariant=True)
_P_co = TypeVar("_P_co", bound=_Part, covariant=True)
_I = TypeVar("_I")
_P = TypeVar("_P", bound=_Part)


class _Visible(Protocol[_I_contra, _P_co]):
    async def get(self, id: _I_contra, /) -> _P_co: ...


class _Parts(Protocol[_I_contra, _P_co]):
    def visible_to(self, actor: Actor, /) -> _Visible[_I_contra, _P_co]: ...


async def project_for(uow: UnitOfWork, actor: Actor, id: ProjectId, role: ProjectRole) -> Project:
    """
    Return a project to somebody who has at least *role* in it.

    Raises:
        NotFoundError: If there is none for them.
        NotAllowedError: If their role is too small.
    """
    project = await uow.projects.visible_to(actor).get(id)
    await _require(uow, actor, id, role)
    return project


async def part_for(
    uow: UnitOfWork, actor: Actor, parts: _Parts[_I, _P], id: _I, role: ProjectRole
) -> _P:
    """
    Return one of the *parts* of projects to somebody who has at least *role* in its project.

    Raises:
        NotFoundError: If there is none for them.
        NotAllowedError: If their role is too small.
    """
    part = await parts.visible_to(actor).get(id)
    await _require(uow, actor, part.project_id, role)
    return part


async def _require(uow: UnitOfWork, actor: Actor, id: ProjectId, needed: ProjectRole) -> None:
    if needed is ProjectRole.VIEWER:
        return
    role = await uow.members.visible_to(actor).own_role(id)
    if not role.includes(needed):
        raise NotAllowedError(
            f'Your role in this project is "{role}"; this takes the role "{needed}".'
        )
