"""A model of volumes and snapshots, which predicts their files after each operation."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from attrs import define, field, frozen
from tests.faults.volumes.checksums import checksum
from tests.faults.volumes.programs import ORIGINAL_FILE, ORIGINAL_PATH, STARTS

from pushpaka_core.domain.ids import DeploymentId, ProjectId, SnapshotId, VolumeId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import RETENTION, PreviewVolume, Volume
from pushpaka_core.ports.runtime import StartRequest

Place = tuple[ProjectId | None, str]
"""A project and the name of one of its targets."""


@frozen(kw_only=True)
class Settings:
    """The settings of a volume that the model knows."""

    name: str
    path: str
    access: VolumeAccess
    preview: PreviewVolume

    @classmethod
    def of(cls, volume: Volume) -> "Settings":
        """Return the settings of *volume*."""
        return cls(
            name=volume.name,
            path=volume.mount_path,
            access=volume.access,
            preview=volume.preview,
        )


DECLARED = Settings(
    name="uploads", path="uploads", access=VolumeAccess.MANY, preview=PreviewVolume.COPY
)
"""A volume that some commits declare."""


@define(kw_only=True)
class ModelVolume:
    """A volume and its files."""

    settings: Settings
    place: Place
    files: dict[str, bytes] = field(factory=dict)
    has_files: bool = False
    """Whether the platform has created the directory. Until then, *files* is empty."""
    detached_at: datetime | None = None
    restored_from: SnapshotId | None = None
    """The snapshot that is being restored into the volume, or None."""

    @property
    def is_attached(self) -> bool:
        return self.detached_at is None


@define(kw_only=True)
class ModelSnapshot:
    """A snapshot, with its files once it was taken."""

    volume_id: VolumeId
    files: Mapping[str, bytes] | None = None


@define
class Model:
    """All volumes and snapshots that must exist, and the volumes that each deployment mounts."""

    volumes: dict[VolumeId, ModelVolume] = field(factory=dict)
    snapshots: dict[SnapshotId, ModelSnapshot] = field(factory=dict)
    mounts: dict[DeploymentId, Mapping[str, VolumeId]] = field(factory=dict)
    """The volumes of each deployment by path."""
    declaring: set[DeploymentId] = field(factory=set)
    """The deployments whose commit declares the volume DECLARED."""

    def attached(self, place: Place) -> Mapping[str, VolumeId]:
        """Return the volumes that are attached to a target, by name."""
        return {
            one.settings.name: volume_id
            for volume_id, one in self.volumes.items()
            if one.is_attached and one.place == place
        }

    def plan(self, place: Place, *, is_declared: bool) -> Sequence[Settings]:
        """Return the settings of the volumes that a new deployment of *place* mounts."""
        project_id, target = place
        production = self.attached((project_id, PRODUCTION))
        planned = {name: self.volumes[volume_id].settings for name, volume_id in production.items()}
        if is_declared:
            planned[DECLARED.name] = DECLARED
        is_production = target == PRODUCTION
        return [
            one
            for one in planned.values()
            if is_production or one.preview is not PreviewVolume.NONE
        ]

    def refusal(self, place: Place, planned: Sequence[Settings]) -> str | None:
        """Return why a new deployment of *place* must fail, or None."""
        attached = self.attached(place)
        if len({one.path for one in planned}) < len(planned):
            return "Two volumes have the same path."
        if place[1] == PRODUCTION:
            kept = {one.settings.name for one in self.volumes.values() if one.place == place}
            detached = {one.name for one in planned} & kept - attached.keys()
            return "A volume is detached." if detached else None
        empty = {
            name for name, volume_id in attached.items() if not self.volumes[volume_id].has_files
        }
        for one in planned:
            is_filled = one.name in attached and one.name not in empty
            is_copy = one.preview is PreviewVolume.COPY
            if is_copy and not is_filled and self.copied_files(place[0], one.name) is None:
                return "There is no snapshot to copy."
        return None

    def rollback_refusal(self, place: Place, mounts: Mapping[str, VolumeId]) -> str | None:
        """Return why a rollback to a deployment with *mounts* must fail, or None."""
        attached = set(self.attached(place).values())
        return None if attached.issuperset(mounts.values()) else "A volume is detached."

    def copied_files(self, project_id: ProjectId | None, name: str) -> Mapping[str, bytes] | None:
        """Return the files with which the volume *name* of a new preview starts, or None."""
        original = self.attached((project_id, PRODUCTION)).get(name)
        if original is None or self.volumes[original].settings.preview is not PreviewVolume.COPY:
            return None
        snapshots = [one for one in self.snapshots.values() if one.volume_id == original]
        taken = [one.files for one in snapshots if one.files is not None]
        return taken[-1] if taken else None

    def adopt(self, row: Volume, planned: Collection[Settings]) -> None:
        """Add a volume that a deployment has created. It must be one of those *planned*."""
        place = row.project_id, row.target
        assert Settings.of(row) in planned, f"P11: an unknown volume exists: {row}"
        assert row.name not in self.attached(place), f"P11: a volume exists twice: {row}"
        self.volumes[row.id] = ModelVolume(settings=Settings.of(row), place=place)

    def note_created(self, row: Volume) -> None:
        """Record that the platform has created the files of a volume for a deployment."""
        volume = self.volumes[row.id]
        if row.node is None or volume.has_files or volume.restored_from is not None:
            return
        volume.has_files = True
        project_id, target = volume.place
        if target != PRODUCTION and volume.settings.preview is PreviewVolume.COPY:
            copied = self.copied_files(project_id, volume.settings.name)
            assert copied is not None, "P11: a preview has files without a snapshot"
            volume.files = dict(copied)

    def note_start(self, request: StartRequest) -> None:
        """Add the files of a program that was started, which must have the expected volumes."""
        instance = request.instance
        mounts = {mount.path: mount.volume_id for mount in request.settings.volumes}
        assert mounts == self.mounts[instance.deployment_id], "P11: a program has other volumes"
        for path, volume_id in mounts.items():
            files = self.volumes[volume_id].files
            if path == ORIGINAL_PATH and not files:
                files[ORIGINAL_FILE] = request.artifact.encode()
            files[STARTS] = files.get(STARTS, b"") + f"{instance.name}\n".encode()

    def finish_snapshot(self, snapshot_id: SnapshotId) -> None:
        """Record that a snapshot has the present files of its volume."""
        snapshot = self.snapshots[snapshot_id]
        snapshot.files = dict(self.volumes[snapshot.volume_id].files)

    def finish_restore(self, volume_id: VolumeId, *, at: datetime, is_attached: bool) -> None:
        """Record that the files of a snapshot are in the volume *volume_id*."""
        volume = self.volumes[volume_id]
        source = volume.restored_from
        assert source is not None
        files = self.snapshots[source].files
        assert files is not None, "P11: an incomplete snapshot was restored"
        volume.files, volume.has_files, volume.restored_from = dict(files), True, None
        volume.detached_at = None if is_attached else at

    def detach(self, ids: Iterable[VolumeId], *, at: datetime) -> None:
        """Record that volumes were detached."""
        for volume_id in ids:
            self.volumes[volume_id].detached_at = self.volumes[volume_id].detached_at or at

    def remove(self, volume_id: VolumeId) -> None:
        """Remove a volume that was purged, with its snapshots."""
        del self.volumes[volume_id]
        self.snapshots = {n: one for n, one in self.snapshots.items() if one.volume_id != volume_id}

    def is_expired(self, volume_id: VolumeId, *, at: datetime) -> bool:
        """Return True if the files of a detached volume need not be kept any longer."""
        volume = self.volumes[volume_id]
        return volume.detached_at is not None and volume.detached_at + RETENTION <= at

    def checksums(self, created: Collection[str]) -> Mapping[str, str]:
        """
        Return the checksums of all volumes by id.

        Volumes that no program has used yet are omitted, unless their id is in *created*: they have
        an empty directory if their first deployment has failed.
        """
        return {
            str(volume_id): checksum(one.files)
            for volume_id, one in self.volumes.items()
            if one.has_files or str(volume_id) in created
        }
