"""Authorization: loads projects and their entities for callers with a sufficient role."""

from typing import Protocol, TypeVar

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import ProjectId, SnapshotId, VolumeId
from pushpaka_core.domain.projects.entities import ProjectEntity
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotAllowedError, NotFoundError
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.ports.storage.views import VisibleById

_I_contra = TypeVar("_I_contra", contravariant=True)
_P_co = TypeVar("_P_co", bound=ProjectEntity, covariant=True)
_I = TypeVar("_I")
_P = TypeVar("_P", bound=ProjectEntity)


class _Repository(Protocol[_I_contra, _P_co]):
    """A repository of entities that belong to projects."""

    def visible_to(self, actor: Actor, /) -> VisibleById[_I_contra, _P_co]: ...


async def get_project(uow: UnitOfWork, actor: Actor, id: ProjectId, role: ProjectRole) -> Project:
    """
    Return a project if *actor* has at least *role* in it.

    Raises:
        NotFoundError: If *actor* cannot view the project.
        NotAllowedError: If the role of *actor* is too low.
    """
    project = await uow.projects.visible_to(actor).get(id)
    await _require_role(uow, actor, id, role)
    return project


async def get_entity(
    uow: UnitOfWork, actor: Actor, repository: _Repository[_I, _P], id: _I, role: ProjectRole
) -> _P:
    """
    Return the entity *id* of a repository if *actor* has at least *role* in its project.

    Raises:
        NotFoundError: If *actor* cannot view the entity.
        NotAllowedError: If the role of *actor* is too low.
    """
    part = await repository.visible_to(actor).get(id)
    await _require_role(uow, actor, part.project_id, role)
    return part


async def get_volume(uow: UnitOfWork, actor: Actor, id: VolumeId, role: ProjectRole) -> Volume:
    """
    Return a volume if *actor* has at least *role* in its project, or owns it and it has no project.

    Raises:
        NotFoundError: If *actor* cannot view the volume, or it belongs to a database.
        NotAllowedError: If the role of *actor* is too low.
    """
    volume = await uow.volumes.visible_to(actor).get(id)
    if volume.server is not None:
        raise NotFoundError("volume")
    await _require_volume_role(uow, actor, volume, role)
    return volume


async def get_database_volume(
    uow: UnitOfWork, actor: Actor, id: VolumeId, role: ProjectRole
) -> Volume:
    """
    Return the volume of a database, with the same permissions as `get_volume`.

    Raises:
        NotFoundError: If *actor* cannot view the database, or there is none with this id.
        NotAllowedError: If the role of *actor* is too low.
    """
    try:
        volume = await uow.volumes.visible_to(actor).get(id)
    except NotFoundError:
        raise NotFoundError("database") from None
    if volume.server is None:
        raise NotFoundError("database")
    await _require_volume_role(uow, actor, volume, role)
    return volume


async def get_snapshot(
    uow: UnitOfWork, actor: Actor, id: SnapshotId, role: ProjectRole
) -> tuple[Snapshot, Volume]:
    """
    Return a snapshot and its volume, see `get_volume`.

    Raises:
        NotFoundError: If *actor* cannot view the snapshot.
        NotAllowedError: If the role of *actor* is too low.
    """
    snapshot = await uow.snapshots.visible_to(actor).get(id)
    return snapshot, await get_volume(uow, actor, snapshot.volume_id, role)


async def _require_volume_role(
    uow: UnitOfWork, actor: Actor, volume: Volume, role: ProjectRole
) -> None:
    if volume.project_id is not None:
        await _require_role(uow, actor, volume.project_id, role)


async def _require_role(
    uow: UnitOfWork, actor: Actor, id: ProjectId, required_role: ProjectRole
) -> None:
    if required_role is ProjectRole.VIEWER:
        return
    role = await uow.members.visible_to(actor).own_role(id)
    if not role.grants(required_role):
        raise NotAllowedError(
            f'This requires the role "{required_role}" in the project. Yours is "{role}". Ask the '
            "owner to change your role."
        )
