"""Volumes and their snapshots in memory."""

from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.adapters.memory.storage.tables import Tables, is_visible, require_unique
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId, SnapshotId, VolumeId
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleVolumes:
    """In-memory implementation of `VisibleOfProjects` for volumes."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: VolumeId, /) -> Volume:
        volume = self._tables.volumes.get(id, "volume")
        if not self._is_visible(volume):
            raise NotFoundError("volume")
        return volume

    async def all(self) -> Sequence[Volume]:
        visible = self._tables.volumes.where(self._is_visible)
        return sorted(visible, key=lambda volume: (volume.created_at, volume.id), reverse=True)

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Volume]:
        return [volume for volume in await self.all() if volume.project_id == project_id]

    def _is_visible(self, volume: Volume) -> bool:
        return _is_volume_visible(self._tables, volume, self._actor)


@frozen
class MemoryVolumes:
    """In-memory implementation of `Volumes`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleVolumes:
        return MemoryVisibleVolumes(self._tables, actor)

    async def restoring(self) -> Sequence[Volume]:
        found = self._tables.volumes.where(lambda one: one.restoring_since is not None)
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def add(self, volume: Volume, /) -> None:
        self._require_valid(volume)
        self._tables.volumes.add(volume.id, volume)

    async def update(self, volume: Volume, /) -> None:
        self._tables.volumes.get(volume.id, "volume")
        self._require_valid(volume)
        self._tables.volumes.put(volume.id, volume)

    async def remove(self, volume: Volume, /) -> None:
        self._tables.volumes.remove(volume.id)
        self._tables.snapshots.remove_where(lambda one: one.volume_id == volume.id)

    def _require_valid(self, volume: Volume) -> None:
        self._tables.users.get(volume.user_id, "user")
        if volume.project_id is not None:
            self._tables.projects.get(volume.project_id, "project")
        others = (one for one in self._tables.volumes if one.id != volume.id)
        require_unique((one for one in others if _has_same_place(one, volume)), "volume name")


@frozen
class MemoryVisibleSnapshots:
    """In-memory implementation of `VisibleSnapshots`."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: SnapshotId, /) -> Snapshot:
        snapshot = self._tables.snapshots.get(id, "snapshot")
        if not self._is_visible(snapshot):
            raise NotFoundError("snapshot")
        return snapshot

    async def all(self) -> Sequence[Snapshot]:
        visible = self._tables.snapshots.where(self._is_visible)
        return sorted(visible, key=lambda one: (one.created_at, one.id), reverse=True)

    async def of_volume(self, volume_id: VolumeId, /) -> Sequence[Snapshot]:
        return [one for one in await self.all() if one.volume_id == volume_id]

    def _is_visible(self, snapshot: Snapshot) -> bool:
        volume = self._tables.volumes.get(snapshot.volume_id, "volume")
        return _is_volume_visible(self._tables, volume, self._actor)


@frozen
class MemorySnapshots:
    """In-memory implementation of `Snapshots`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleSnapshots:
        return MemoryVisibleSnapshots(self._tables, actor)

    async def unfinished(self) -> Sequence[Snapshot]:
        found = self._tables.snapshots.where(lambda one: not one.is_finished)
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def add(self, snapshot: Snapshot, /) -> None:
        self._tables.volumes.get(snapshot.volume_id, "volume")
        self._tables.snapshots.add(snapshot.id, snapshot)

    async def update(self, snapshot: Snapshot, /) -> None:
        self._tables.snapshots.get(snapshot.id, "snapshot")
        self._tables.snapshots.put(snapshot.id, snapshot)

    async def remove(self, snapshot: Snapshot, /) -> None:
        self._tables.snapshots.remove(snapshot.id)


def _is_volume_visible(tables: Tables, volume: Volume, actor: Actor) -> bool:
    if volume.project_id is None:
        return actor.is_platform or volume.user_id == actor.user_id
    return is_visible(tables, volume.project_id, actor)


def _has_same_place(volume: Volume, other: Volume) -> bool:
    place, other_place = ((one.project_id, one.target, one.name) for one in (volume, other))
    return place == other_place and volume.is_attached and other.is_attached
