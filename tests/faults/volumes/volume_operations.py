"""Random operations on volumes and snapshots."""

from collections.abc import Coroutine
from typing import Any

from anyio import to_thread
from attrs import define
from tests.faults.volumes.deployments import KilledError, ModeledDeployments
from tests.faults.volumes.model import ModelSnapshot, ModelVolume, Settings

from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.platform.failpoints import RESTORE_FAILPOINTS, SNAPSHOT_FAILPOINTS
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.snapshots import SnapshotRestore, SnapshotStatus
from pushpaka_core.domain.volumes.volumes import VolumeAttachment, VolumePurge
from pushpaka_core.errors import ConflictError, InvalidInputError, PushpakaError

NAMES = ("shop", "blog", "wiki")
"""The names of the projects."""


@define(kw_only=True)
class VolumeOperations(ModeledDeployments):
    """
    Applies operations on random volumes to a platform and to the model.

    A request that the platform accepts changes the model. One that it refuses changes nothing.
    """

    _numbers: int = 0

    async def detach(self) -> bool:
        volume_id = self._volume(is_attached=True)
        await self.services.volumes.detach(self.owner, volume_id)
        self.model.detach([volume_id], at=self.kept.clock.now)
        return True

    async def attach(self) -> bool:
        """Attach a volume to its previous target, or to another project."""
        volume_id = self._volume(is_attached=False)
        other = self.projects[self.random_name()] if self.random.random() < 0.6 else None
        attachment = VolumeAttachment(project_id=other)
        if not await is_accepted(self.services.volumes.attach(self.owner, volume_id, attachment)):
            return False
        volume = self.model.volumes[volume_id]
        volume.place = (other, PRODUCTION) if other else volume.place
        volume.detached_at = None
        return True

    async def purge_with_wrong_name(self) -> bool:
        """Ask to delete a volume by the name of another one, which changes nothing."""
        volume_id = self.random.choice([*self.model.volumes])
        wrong = VolumePurge(name=f"not-{self.model.volumes[volume_id].settings.name}")
        try:
            await self.services.volumes.purge(self.owner, volume_id, wrong)
        except InvalidInputError:
            return True
        raise AssertionError("P11: a volume was purged without its name")

    async def purge(self) -> bool:
        volume_id = self._volume(is_attached=False)
        name = VolumePurge(name=self.model.volumes[volume_id].settings.name)
        if await is_accepted(self.services.volumes.purge(self.owner, volume_id, name)):
            self.model.remove(volume_id)
            return True
        return False

    async def take_snapshot(self) -> bool:
        """Request a snapshot, which is taken at once or during a later clean-up."""
        volume_id = self.random.choice([*self.model.volumes])
        try:
            snapshot = await self.services.snapshots.take(self.owner, volume_id)
        except ConflictError:
            return False
        self.model.snapshots[snapshot.id] = ModelSnapshot(volume_id=volume_id)
        if self.random.random() < 0.7:
            await self.copy()
        return True

    async def restore(self) -> bool:
        """Restore a snapshot into a new volume, at once or during a later clean-up."""
        taken = [
            snapshot_id
            for snapshot_id, one in self.model.snapshots.items()
            if one.files is not None
        ]
        if not taken:
            return False
        snapshot_id = self.random.choice(taken)
        self._numbers += 1
        into = SnapshotRestore(into=f"copy-{self._numbers}")
        row = await self.services.snapshots.restore(self.owner, snapshot_id, into)
        self.model.volumes[row.id] = ModelVolume(
            settings=Settings.of(row),
            place=(row.project_id, row.target),
            detached_at=self.kept.clock.now,
            restored_from=snapshot_id,
        )
        if self.random.random() < 0.7:
            await self.copy()
        return True

    async def delete_snapshot(self) -> bool:
        if not self.model.snapshots:
            return False
        snapshot_id = self.random.choice([*self.model.snapshots])
        if await is_accepted(self.services.snapshots.delete(self.owner, snapshot_id)):
            del self.model.snapshots[snapshot_id]
            return True
        return False

    async def kill_during_snapshot(self) -> bool:
        """Kill the worker at a step of a snapshot, and start it again."""
        step = self.random.choice(SNAPSHOT_FAILPOINTS)
        self.kept.platform.failpoints.errors[step] = KilledError()
        is_requested = await self.take_snapshot()
        await self.copy()
        return is_requested

    async def kill_during_restore(self) -> bool:
        """Kill the worker at a step of a restore, and start it again."""
        step = self.random.choice(RESTORE_FAILPOINTS)
        self.kept.platform.failpoints.errors[step] = KilledError()
        is_requested = await self.restore()
        await self.copy()
        return is_requested

    async def write_files(self) -> bool:
        """Let programs write and remove files in their volumes."""
        mounts = [
            (request, mount)
            for request in self.kept.runtime.running.values()
            for mount in request.settings.volumes
        ]
        for request, mount in self.random.choices(mounts, k=3) if mounts else ():
            files = self.model.volumes[mount.volume_id].files
            name = f"file-{self.random.randrange(4)}"
            path = self.kept.runtime.file(request, mount.path, name)
            if name in files and self.random.random() < 0.3:
                await to_thread.run_sync(path.unlink)
                del files[name]
            else:
                files[name] = self.random.randbytes(self.random.randrange(2000))
                await to_thread.run_sync(path.write_bytes, files[name])
        return bool(mounts)

    async def copy(self) -> None:
        """Let the worker take and restore snapshots, and update the model with the results."""
        try:
            await self._copy()
        except* KilledError:
            await self.kept.restart()
            await self._copy()

    async def _copy(self) -> None:
        worker = self.kept.platform.worker_services
        await worker.snapshot_taker.take_due()
        await worker.snapshot_taker.remove_expired()
        rows = await self.kept.snapshots()
        for snapshot_id, snapshot in self.model.snapshots.items():
            if snapshot.files is None:
                assert rows[snapshot_id].status is SnapshotStatus.AVAILABLE, rows[snapshot_id].error
                self.model.finish_snapshot(snapshot_id)
        await worker.volume_restorer.restore_due()
        for row in await self.kept.volumes():
            if self.model.volumes[row.id].restored_from is not None:
                assert row.restore_error is None, row.restore_error
                now = self.kept.clock.now
                self.model.finish_restore(row.id, at=now, is_attached=row.is_attached)

    def random_name(self) -> str:
        """Return the name of a project."""
        return self.random.choice(NAMES)

    def _volume(self, *, is_attached: bool) -> VolumeId:
        chosen = [
            volume_id
            for volume_id, one in self.model.volumes.items()
            if one.is_attached == is_attached
        ]
        return self.random.choice(chosen or [*self.model.volumes])


async def is_accepted(request: Coroutine[Any, Any, object]) -> bool:
    """Return True if *request* is accepted, and False if it is refused."""
    try:
        await request
    except PushpakaError:
        return False
    return True
