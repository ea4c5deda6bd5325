"""Volumes: create, change, detach, attach and purge them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.ids import ProjectId, VolumeId
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.paths import find_problem
from pushpaka_core.domain.volumes.volumes import (
    NewVolume,
    Volume,
    VolumeAttachment,
    VolumeChanges,
    VolumePurge,
)
from pushpaka_core.errors import ConflictError, InvalidInputError, NotAllowedError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_project, get_volume
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.volumes.locking import lock_volume
from pushpaka_core.services.volumes.measurement import VolumeMeter
from pushpaka_core.services.volumes.purge import VolumePurger
from pushpaka_core.services.volumes.usage import (
    attachment_problems,
    find_restore,
    require_unused,
)


@frozen(kw_only=True)
class VolumeService:
    """Manages volumes. Changes take effect with the next deployment of the target."""

    _storage: Storage
    _meter: VolumeMeter
    _purger: VolumePurger
    _audit_log: AuditLog
    _packaging: Packaging
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def create(self, actor: Actor, new_volume: NewVolume) -> Volume:
        """
        Create a volume for the production deployments of a project.

        Raises:
            InvalidInputError: If the path overlaps that of another volume or cannot be used on this
                runtime, or the project has several replicas and the access is "one".
            DuplicateError: If the project already has a volume of that name.
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            QuotaReachedError: If the owner has the maximum number or size of volumes.
        """
        actor.require_scope(Scope.FULL)
        now = self._now()
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new_volume.project_id, ProjectRole.OWNER)
            volume = Volume(
                id=VolumeId(self._new_id()),
                user_id=project.user_id,
                project_id=project.id,
                target=PRODUCTION,
                name=new_volume.name,
                mount_path=new_volume.mount_path,
                access=new_volume.access,
                preview=new_volume.preview,
                size_limit=new_volume.size_limit,
                snapshot_every=new_volume.snapshot_every,
                snapshot_keep=new_volume.snapshot_keep,
                created_at=now,
                updated_at=now,
            )
            await self._require_valid(uow, project, volume)
            self._quotas.require_volume_quota(await uow.users.quota_usage(project.user_id))
            await uow.volumes.add(volume)
            await self._audit_log.record(uow, actor, "volume.created", volume.id, volume.name)
        return volume

    async def all(self, actor: Actor) -> Sequence[Volume]:
        """
        Return the volumes of all projects that *actor* can view, newest first.

        Detached volumes are included, even those of the actor's deleted projects. The volumes of
        databases are not.
        """
        async with self._storage.snapshot() as uow:
            volumes = await uow.volumes.visible_to(actor).all()
        return [volume for volume in volumes if volume.server is None]

    async def get(self, actor: Actor, id: VolumeId) -> Volume:
        """
        Return a volume with the disk space that its files use now.

        The last measurement is returned if the volume's node does not respond, or its files
        are being restored.

        Raises:
            NotFoundError: If *actor* cannot view the volume.
        """
        async with self._storage.snapshot() as uow:
            volume = await get_volume(uow, actor, id, ProjectRole.VIEWER)
        if volume.restoring_since is not None:
            return volume
        return await self._meter.measure(volume)

    async def change(self, actor: Actor, id: VolumeId, changes: VolumeChanges) -> Volume:
        """
        Change the settings of a volume, from the next deployment of its target.

        Raises:
            InvalidInputError: See `create`.
            DuplicateError: If the target already has a volume of that name.
            NotFoundError: If *actor* cannot view the volume.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        settings = changes.changed_settings
        async with self._changing(actor, id) as (uow, volume):
            if not settings:
                return volume
            changed = evolve(volume, updated_at=self._now(), **settings)
            if not changed.is_over_limit:  # The next measurement reports a lower limit.
                changed = evolve(changed, over_limit_since=None)
            if volume.is_attached and volume.project_id is not None:
                project = await get_project(uow, actor, volume.project_id, ProjectRole.OWNER)
                await self._require_valid(uow, project, changed)
            await uow.volumes.update(changed)
            names = ", ".join(sorted(settings))
            await self._audit_log.record(uow, actor, "volume.changed", id, names)
        return changed

    async def detach(self, actor: Actor, id: VolumeId) -> Volume:
        """
        Detach a volume. Its files are kept for 7 days. Idempotent.

        Running instances use the volume until the next deployment.

        Raises:
            NotFoundError: If *actor* cannot view the volume.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._changing(actor, id) as (uow, volume):
            detached = volume.detach(now=self._now())
            if detached != volume:
                await uow.volumes.update(detached)
                await self._audit_log.record(uow, actor, "volume.detached", id, volume.name)
        return detached

    async def attach(self, actor: Actor, id: VolumeId, attachment: VolumeAttachment) -> Volume:
        """
        Attach a detached volume to its previous target, or to production of another project.

        Raises:
            ConflictError: If the volume is attached or its files are being deleted, its project was
                deleted and no other is given, or instances of another target still use it.
            InvalidInputError: See `create`.
            DuplicateError: If the target already has a volume of that name.
            NotFoundError: If *actor* cannot view the volume or the project.
            NotAllowedError: If *actor* is not the owner of both, or their token lacks the scope
                "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._changing(actor, id, attachment.project_id) as (uow, volume):
            project_id = attachment.project_id or volume.project_id
            if project_id is None:
                raise ConflictError(
                    f'The project of the volume "{volume.name}" was deleted. Choose a different '
                    "project."
                )
            project = await get_project(uow, actor, project_id, ProjectRole.OWNER)
            if project.user_id != volume.user_id:
                raise NotAllowedError("A volume can be attached only to its owner's projects.")
            target = PRODUCTION if attachment.project_id else volume.target
            attached = volume.attach(project.id, target, now=self._now())
            if (volume.project_id, volume.target) != (project.id, target):
                await require_unused(uow, volume)
            await self._require_valid(uow, project, attached)
            await uow.volumes.update(attached)
            await self._audit_log.record(uow, actor, "volume.attached", id, project.name)
        return attached

    async def purge(self, actor: Actor, id: VolumeId, purge: VolumePurge) -> None:
        """
        Delete a detached volume and its files now.

        Raises:
            ConflictError: If the volume is attached, instances still use it, or another volume is
                being restored from one of its snapshots.
            InvalidInputError: If the name in *purge* is not that of the volume.
            NotFoundError: If *actor* cannot view the volume.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            RuntimeUnavailableError: If the volume's node does not respond. The files are deleted
                once it does.
        """
        actor.require_scope(Scope.FULL)
        async with self._changing(actor, id) as (uow, volume):
            if purge.name != volume.name:
                raise InvalidInputError({"name": f'must be "{volume.name}" to delete its files'})
            purging = volume.begin_purge(now=self._now())
            await require_unused(uow, volume)
            await _require_not_being_restored(uow, volume)
            await uow.volumes.update(purging)
            await self._audit_log.record(uow, actor, "volume.purged", id, volume.name)
        await self._purger.delete(purging)

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the validation errors that depend on this instance, by field."""
        path = values.get("mount_path")
        problem = None if path is None else find_problem(path, {}, in_container=self._in_container)
        return {} if problem is None else {"mount_path": problem}

    def _changing(
        self, actor: Actor, id: VolumeId, new_project_id: ProjectId | None = None
    ) -> AbstractAsyncContextManager[tuple[UnitOfWork, Volume]]:
        """Open a transaction in which a volume and its projects are locked, see `lock_volume`."""
        return lock_volume(self._storage, actor, id, get_volume, new_project_id=new_project_id)

    async def _require_valid(self, uow: UnitOfWork, project: Project, volume: Volume) -> None:
        """Raise InvalidInputError if the path or the access of an attached volume is invalid."""
        if problems := await attachment_problems(
            uow, project, volume, in_container=self._in_container
        ):
            raise InvalidInputError(problems)

    @property
    def _in_container(self) -> bool:
        return self._packaging is Packaging.IMAGE


async def _require_not_being_restored(uow: UnitOfWork, volume: Volume) -> None:
    """Raise ConflictError if another volume is being restored from a snapshot of *volume*."""
    snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(volume.id)
    if (other := await find_restore(uow, snapshots)) is not None:
        raise ConflictError(
            f'The volume "{other.name}" is being restored from a snapshot of the volume '
            f'"{volume.name}". Try again later.'
        )
