"""Locks a volume together with its projects."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import ProjectId, VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import StaleEntityError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.accounts.permissions import get_project

GetVolume: TypeAlias = Callable[[UnitOfWork, Actor, VolumeId, ProjectRole], Awaitable[Volume]]
"""A function that returns a volume if an actor has at least a role in its project."""


@asynccontextmanager
async def lock_volume(
    storage: Storage,
    actor: Actor,
    id: VolumeId,
    get: GetVolume,
    *,
    new_project_id: ProjectId | None = None,
) -> AsyncIterator[tuple[UnitOfWork, Volume]]:
    """
    Open a transaction in which a volume and its projects are locked.

    Args:
        storage: The storage.
        actor: The caller, who must be the owner.
        id: The volume.
        get: Returns the volume.
        new_project_id: Another project to lock, to which the volume will be attached.

    Raises:
        NotFoundError: If *actor* cannot view the volume or a project.
        NotAllowedError: If *actor* is not the owner.
        StaleEntityError: If the volume has just been attached to another project.
    """
    async with storage.snapshot() as uow:
        seen = await get(uow, actor, id, ProjectRole.OWNER)
    async with storage.transaction() as uow:
        # Deployments lock a project before its volumes too. Two projects are locked in order.
        for project_id in sorted({seen.project_id, new_project_id} - {None}, key=str):
            await get_project(uow, actor, cast("ProjectId", project_id), ProjectRole.OWNER)
        volume = await get(uow, actor, id, ProjectRole.OWNER)
        if volume.project_id != seen.project_id:
            raise StaleEntityError(volume.noun)
        yield uow, volume
