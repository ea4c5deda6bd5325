"""Decides which volumes a deployment mounts, and creates them before its instances start."""

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.declarations import PlannedVolume
from pushpaka_core.domain.volumes.mounts import VolumeMount
from pushpaka_core.domain.volumes.volumes import PreviewVolume, Volume
from pushpaka_core.errors import (
    ConflictError,
    NotFoundError,
    QuotaReachedError,
    UnavailableError,
    VolumeMountError,
)
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.instances.rows import must_run_alone
from pushpaka_core.services.logs.deployment_log import DeploymentLog
from pushpaka_core.services.volumes.planning import plan_mounts
from pushpaka_core.services.volumes.size_limits import limit_message
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.services.volumes.usage import attached_volumes, update_volumes


@frozen(kw_only=True)
class VolumeMounting:
    """Freezes the volumes of a release, and prepares their files."""

    _storage: Storage
    _files: VolumeFiles
    _snapshot_contents: SnapshotContents
    _disk_reserve: DiskReserve
    _audit_log: AuditLog
    _packaging: Packaging
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)
    _has_nodes: bool = False
    """Whether the runtime has several nodes, so that users need to know the node of a volume."""

    async def plan(self, job: Job, plan: BuildPlan, log: DeploymentLog) -> Sequence[PlannedVolume]:
        """
        Log the volumes that *job* will mount, and return them.

        Raises:
            VolumeMountError: See `plan_mounts`.
        """
        async with self._storage.snapshot() as uow:
            planned = await self._plan(uow, job.project, job.deployment.target, plan)
        if planned:
            await log.write("\n".join(map(str, planned)), Phase.BUILD)
        return planned

    async def mounts(
        self, uow: UnitOfWork, project: Project, target: str, plan: BuildPlan
    ) -> tuple[VolumeMount, ...]:
        """
        Return the volumes that a deployment of *target* mounts.

        Volumes that do not exist yet are created. Existing volumes get the settings that the
        repository declares.

        Raises:
            VolumeMountError: If the owner would exceed a quota, or for the reasons in
                `plan_mounts`.
        """
        planned = await self._plan(uow, project, target, plan)
        existing = {one.name: one for one in await attached_volumes(uow, project.id, target)}
        volumes = [await self._store(uow, project, target, one, existing) for one in planned]
        return tuple(volume.mount for volume in volumes)

    async def prepare(self, job: Job, log: DeploymentLog) -> None:
        """
        Create the files of the volumes that the release mounts, unless they exist.

        The first deployment of a preview fills volumes whose `preview` is "copy" from the newest
        snapshot of production.

        Raises:
            PlatformFaultError: If the host caused the failure.
            RuntimeUnavailableError: If the node of a volume does not respond.
            VolumeMountError: If a volume of the release was detached or deleted in the meantime,
                its files were lost or are larger than its limit, there is no snapshot to copy or
                no disk space for it, or the release is running with other volumes.
        """
        await self._require_separate_directory(job)
        for mount in job.settings.volumes:
            volume = await self._require_attached(job, mount)
            if volume.node is not None and not await self._files.exists(volume):
                # An app that starts with an empty volume would hide a lost disk.
                raise VolumeMountError(
                    f'The files of the volume "{volume.name}" were not found on {volume.node}. '
                    "Check the disk. If they are lost, restore a snapshot, or detach and purge the "
                    "volume to start with an empty one."
                )
            if job.deployment.kind is not DeploymentKind.ROLLBACK:
                await self._require_within_limit(volume)
            node = await self._files.create(volume)
            if volume.node is None and _is_copy(volume):
                await self._fill(volume, log)
            if node != volume.node:
                await self._store_node(volume, node)
            place = f"{mount.path} on the node {node}" if self._has_nodes else mount.path
            await log.write(f'The volume "{mount.name}" is mounted at {place}.', Phase.START)

    async def _require_separate_directory(self, job: Job) -> None:
        """
        Raise VolumeMountError if instances with other volumes share the directory of the release.

        The runtime would refuse the start too, but only after the running instances were stopped.
        """
        if self._packaging is Packaging.IMAGE:
            return
        async with self._storage.snapshot() as uow:
            rival = await _find_rival(uow, job.deployment)
        if rival is not None:
            raise VolumeMountError(
                f'This release is already running in "{rival.target}" with different volumes, and '
                f'instances of a release share one directory. Stop "{rival.target}" and try again, '
                "or deploy the commit again to create a separate release."
            )

    async def _require_within_limit(self, volume: Volume) -> None:
        """
        Raise VolumeMountError if the files are larger than the size limit.

        Only volumes that were too large when last measured are measured again, because measuring a
        volume reads all its directories.
        """
        if volume.is_over_limit:
            used = await self._files.used_bytes(volume)
            if evolve(volume, used_bytes=used).is_over_limit:
                raise VolumeMountError(f"{limit_message(volume, used)} Then deploy again.")

    async def _fill(self, volume: Volume, log: DeploymentLog) -> None:
        """
        Fill the volume of a preview from the newest snapshot of production.

        The caller sets the node of the volume afterwards, so that an interrupted copy is repeated.
        """
        async with self._storage.snapshot() as uow:
            original = await _original(uow, volume)
            if original is None:
                # Otherwise a pull request could read production data by changing pushpaka.toml.
                raise VolumeMountError(
                    f'Previews cannot copy the volume "{volume.name}" because production has no '
                    'volume of this name with `preview = "copy"`. Deploy this setting to '
                    "production first."
                )
            snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(original.id)
        snapshot = next((one for one in snapshots if one.is_available), None)
        if snapshot is None:
            raise VolumeMountError(
                f'Production\'s volume "{volume.name}" has no snapshot that the preview could '
                f"copy. Take one with `pushpaka volumes snapshot {volume.name}`, and deploy again."
            )
        try:
            await self._disk_reserve.require_free(snapshot.content_bytes or 0)
        except UnavailableError as error:
            raise VolumeMountError(str(error)) from error
        try:
            await self._snapshot_contents.restore(snapshot, volume)
        except ConflictError as error:
            raise VolumeMountError(str(error)) from error
        await log.write(
            f'The volume "{volume.name}" contains production\'s snapshot of '
            f"{snapshot.created_at:%F %R} UTC.",
            Phase.START,
        )

    async def _plan(
        self, uow: UnitOfWork, project: Project, target: str, plan: BuildPlan
    ) -> Sequence[PlannedVolume]:
        return await plan_mounts(uow, project, target, plan, self._packaging)

    async def _store(
        self,
        uow: UnitOfWork,
        project: Project,
        target: str,
        planned: PlannedVolume,
        existing: Mapping[str, Volume],
    ) -> Volume:
        """Create a volume, or update its settings, and return it."""
        present = existing.get(planned.name)
        if present is None:
            return await self._create(uow, project, target, planned)
        # Read again to lock the row: it may be measured at the same time.
        present = await uow.volumes.visible_to(PLATFORM).get(present.id)
        changed = planned.apply_to(present)
        if changed != present:
            changed = evolve(changed, updated_at=self._now())
            await uow.volumes.update(changed)
        return changed

    async def _create(
        self, uow: UnitOfWork, project: Project, target: str, planned: PlannedVolume
    ) -> Volume:
        now = self._now()
        try:
            self._quotas.require_volume_quota(await uow.users.quota_usage(project.user_id))
        except QuotaReachedError as error:
            raise VolumeMountError(
                f'The volume "{planned.name}" cannot be created. {error}'
            ) from error
        volume = planned.apply_to(
            Volume(
                id=VolumeId(self._new_id()),
                user_id=project.user_id,
                project_id=project.id,
                target=target,
                name=planned.name,
                mount_path=planned.mount_path,
                created_at=now,
                updated_at=now,
            )
        )
        await uow.volumes.add(volume)
        await self._audit_log.record(uow, PLATFORM, "volume.created", volume.id, volume.name)
        return volume

    async def _require_attached(self, job: Job, mount: VolumeMount) -> Volume:
        async with self._storage.snapshot() as uow:
            try:
                volume = await uow.volumes.visible_to(PLATFORM).get(mount.volume_id)
            except NotFoundError:
                raise VolumeMountError(
                    f'This release uses the volume "{mount.name}", which was deleted. Deploy a '
                    "commit instead, to create the volumes that it declares."
                ) from None
        place = volume.project_id, volume.target
        if not volume.is_attached or place != (job.project.id, job.deployment.target):
            raise VolumeMountError(
                f'This release uses the volume "{mount.name}", which was detached. Attach the '
                "volume again, or deploy a commit to run without the volume."
            )
        return volume

    async def _store_node(self, volume: Volume, node: str) -> None:
        async with self._storage.transaction() as uow:
            await update_volumes(uow, [volume], lambda present: evolve(present, node=node))


async def _find_rival(uow: UnitOfWork, deployment: Deployment) -> Deployment | None:
    """
    Return another deployment that runs the release of *deployment* with other volumes, or None.

    Instances that are stopped before *deployment* starts do not count.
    """
    deployments, mounts = uow.deployments.visible_to(PLATFORM), _mount_paths(deployment)
    is_alone = await must_run_alone(uow, deployment)
    ids = {each.deployment_id for each in await uow.instances.all()} - {deployment.id}
    for other in [await deployments.get(id_) for id_ in ids]:
        is_same_release = other.release_id == deployment.release_id
        will_stop = is_alone and other.target == deployment.target
        if is_same_release and not will_stop and _mount_paths(other) != mounts:
            return other
    return None


def _mount_paths(deployment: Deployment) -> Mapping[str, VolumeId]:
    settings = deployment.run_settings or RunSettings()
    return {mount.path: mount.volume_id for mount in settings.volumes}


def _is_copy(volume: Volume) -> bool:
    """Return True if the volume of a preview starts with a copy of production."""
    return volume.target != PRODUCTION and volume.preview is PreviewVolume.COPY


async def _original(uow: UnitOfWork, volume: Volume) -> Volume | None:
    """Return production's volume with the name of *volume*, or None unless previews may copy it."""
    if volume.project_id is None:
        return None
    candidates = await attached_volumes(uow, volume.project_id, PRODUCTION)
    return next(
        (
            one
            for one in candidates
            if one.name == volume.name and one.preview is PreviewVolume.COPY
        ),
        None,
    )
