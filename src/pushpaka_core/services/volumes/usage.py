"""Finds the deployments and restores that use a volume, the volumes of a target, and conflicts."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, SERVING
from pushpaka_core.domain.ids import ProjectId, VolumeId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION, database_of
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.paths import find_problem
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.storage.storage import UnitOfWork

ReportVolumeAlarm: TypeAlias = Callable[[UnitOfWork, Volume, VolumeAlarm, str], Awaitable[None]]
"""
A function that notifies a volume's project of a problem, in the transaction that records it.

The arguments are the transaction, the volume, the problem, and the reason as sentences.
"""


async def attached_volumes(uow: UnitOfWork, project_id: ProjectId, target: str) -> Sequence[Volume]:
    """Return the volumes that are attached to a target, oldest first."""
    found = await uow.volumes.visible_to(PLATFORM).of_project(project_id)
    return [one for one in reversed(found) if one.is_attached and one.target == target]


async def detach_volumes(
    uow: UnitOfWork, project_id: ProjectId, target: str, *, now: datetime
) -> None:
    """Detach the volumes of a target. Their files are kept until `purge_after`."""
    volumes = await attached_volumes(uow, project_id, target)
    await update_volumes(uow, volumes, lambda volume: volume.detach(now=now))


async def release_volumes(uow: UnitOfWork, project_id: ProjectId, *, now: datetime) -> None:
    """Detach all volumes of a project that is being deleted, and keep them for its owner."""
    volumes = await uow.volumes.visible_to(PLATFORM).of_project(project_id)
    await update_volumes(
        uow, volumes, lambda volume: evolve(volume.detach(now=now), project_id=None)
    )


async def update_volumes(
    uow: UnitOfWork, volumes: Iterable[Volume], change: Callable[[Volume], Volume]
) -> None:
    """
    Apply *change* to each volume that still exists, and store the result.

    The rows are read again to lock them: they may be measured or purged at the same time.
    """
    for volume in volumes:
        with suppress(NotFoundError):
            present = await uow.volumes.visible_to(PLATFORM).get(volume.id)
            await uow.volumes.update(change(present))


async def attachment_problems(
    uow: UnitOfWork, project: Project, volume: Volume, *, in_container: bool
) -> dict[str, str]:
    """
    Return why *volume* cannot be attached to its target of *project*, as a clause by field.

    The result is empty if it can be attached.
    """
    found = await attached_volumes(uow, project.id, volume.target)
    others = [one for one in found if one.id != volume.id]
    mounted = {one.mount_path: one.name for one in others}
    problems = {}
    if problem := find_problem(volume.mount_path, mounted, in_container=in_container):
        problems["mount_path"] = problem
    if volume.access is VolumeAccess.ONE and (project.replicas or 1) > 1:
        problems["access"] = f'must be "many", because the project has {project.replicas} replicas'
    return problems


async def volumes_with_snapshots(uow: UnitOfWork) -> Sequence[tuple[Volume, Sequence[Snapshot]]]:
    """Return all volumes, each with its snapshots, newest first."""
    snapshots = defaultdict[VolumeId, list[Snapshot]](list)
    for snapshot in await uow.snapshots.visible_to(PLATFORM).all():
        snapshots[snapshot.volume_id].append(snapshot)
    return [(one, snapshots[one.id]) for one in await uow.volumes.visible_to(PLATFORM).all()]


def needs_snapshots(volume: Volume) -> bool:
    """
    Return True if the volume needs automatic snapshots. It must have files and a schedule, and be
    attached to production.
    """
    is_used = volume.is_attached and volume.node is not None and volume.target == PRODUCTION
    return is_used and volume.snapshot_every is not None


async def find_user(uow: UnitOfWork, id: VolumeId) -> Deployment | None:
    """Return a deployment that is live or will start, and that mounts the volume, or None."""
    for deployment in await uow.deployments.all(QUEUED_OR_IN_PROGRESS | SERVING):
        mounts = deployment.run_settings.volumes if deployment.run_settings else ()
        if any(mount.volume_id == id for mount in mounts):
            return deployment
    return None


async def require_unused(uow: UnitOfWork, volume: Volume) -> None:
    """Raise ConflictError if a deployment uses the volume."""
    deployment = await find_user(uow, volume.id)
    if deployment is None:
        return
    if volume.project_id is None:
        raise ConflictError(
            f'Instances of the deleted project "{deployment.slug}" still use the {volume.noun} '
            f'"{volume.name}". They are being stopped. Try again in a minute.'
        )
    if volume.server is not None:
        raise ConflictError(
            f'The server of the database "{volume.name}" is still being stopped. Try again in a '
            "minute."
        )
    raise ConflictError(
        f'Instances of a deployment of "{deployment.slug}" still use the volume '
        f'"{volume.name}". Deploy "{deployment.slug}" again to run it without the volume, or '
        "stop it. Then try again."
    )


async def require_database(uow: UnitOfWork, project_id: ProjectId, target: str) -> Volume:
    """
    Return the volume of the database whose server runs in *target*.

    Raises:
        ConflictError: If the database was detached.
    """
    for volume in await attached_volumes(uow, project_id, target):
        return volume
    raise ConflictError(
        f'The database "{database_of(target)}" is detached. Attach it again to start its server.'
    )


async def database_ports(uow: UnitOfWork) -> set[int]:
    """Return the ports of this host that belong to databases, whether or not they are running."""
    volumes = await uow.volumes.visible_to(PLATFORM).all()
    return {one.server.port for one in volumes if one.server and one.server.port}


async def find_restore(uow: UnitOfWork, snapshots: Iterable[Snapshot]) -> Volume | None:
    """Return a volume into which one of *snapshots* is being restored, or None."""
    sources = {one.id for one in snapshots}
    restoring = await uow.volumes.restoring() if sources else ()
    return next((one for one in restoring if one.restored_from in sources), None)
