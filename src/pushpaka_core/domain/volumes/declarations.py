"""Volumes that a repository declares, and the volumes that a deployment mounts."""

from collections.abc import Collection, Iterable, Sequence
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.paths import find_hidden, find_problem
from pushpaka_core.domain.volumes.volumes import SNAPSHOTS_KEPT, PreviewVolume, Volume


@frozen(kw_only=True)
class DeclaredVolume:
    """
    A volume that a repository declares.

    A setting that is None keeps its value if the volume exists. Otherwise, it has its default.
    """

    name: str
    mount_path: str
    access: VolumeAccess | None = None
    preview: PreviewVolume | None = None
    size_limit: int | None = None
    snapshot_every: int | None = None
    snapshot_keep: int | None = None


@frozen(kw_only=True)
class PlannedVolume:
    """A volume that a deployment mounts. It may not exist yet."""

    name: str
    mount_path: str
    access: VolumeAccess = VolumeAccess.ONE
    preview: PreviewVolume = PreviewVolume.NONE
    size_limit: int | None = None
    snapshot_every: int | None = None
    snapshot_keep: int = SNAPSHOTS_KEPT
    is_declared: bool = False
    """Whether the repository declares the volume. Otherwise it was created by a user."""

    @classmethod
    def of_volume(cls, volume: Volume) -> Self:
        """Return the plan to mount a volume of production."""
        return cls(
            name=volume.name,
            mount_path=volume.mount_path,
            access=volume.access,
            preview=volume.preview,
            size_limit=volume.size_limit,
            snapshot_every=volume.snapshot_every,
            snapshot_keep=volume.snapshot_keep,
        )

    def following(self, declared: DeclaredVolume) -> Self:
        """Return a copy of the plan with the settings that are not None in *declared*."""
        return evolve(
            self,
            mount_path=declared.mount_path,
            access=declared.access or self.access,
            preview=declared.preview or self.preview,
            size_limit=declared.size_limit or self.size_limit,
            snapshot_every=declared.snapshot_every or self.snapshot_every,
            snapshot_keep=declared.snapshot_keep or self.snapshot_keep,
            is_declared=True,
        )

    def apply_to(self, volume: Volume) -> Volume:
        """Return a copy of *volume* with the settings of the plan."""
        return evolve(
            volume,
            mount_path=self.mount_path,
            access=self.access,
            preview=self.preview,
            size_limit=self.size_limit,
            snapshot_every=self.snapshot_every,
            snapshot_keep=self.snapshot_keep,
        )

    def __str__(self) -> str:
        """Return a line that explains the plan, for the build log."""
        origin = "pushpaka.toml" if self.is_declared else "project, not in pushpaka.toml"
        return f"volume {self.name}: mounted at {self.mount_path} [{origin}]"


def plan_volumes(
    production_volumes: Iterable[Volume],
    declared_volumes: Iterable[DeclaredVolume],
    *,
    is_preview: bool,
) -> Sequence[PlannedVolume]:
    """
    Return the volumes that a deployment mounts, those of the repository first.

    A volume that the repository no longer declares stays mounted. Previews get their own volumes,
    except for volumes whose `preview` is "none".

    Args:
        production_volumes: The volumes that are attached to production.
        declared_volumes: The volumes that the deployed commit declares.
        is_preview: Whether the target is a preview.
    """
    existing = {one.name: PlannedVolume.of_volume(one) for one in production_volumes}
    planned = [
        existing.pop(one.name, PlannedVolume(name=one.name, mount_path="")).following(one)
        for one in declared_volumes
    ]
    planned += existing.values()
    return [one for one in planned if not is_preview or one.preview is not PreviewVolume.NONE]


def planning_problem(
    planned_volumes: Sequence[PlannedVolume],
    *,
    in_container: bool,
    replicas: int,
    required_paths: Collection[str] = (),
) -> str | None:
    """
    Return why a deployment cannot mount *planned_volumes*, as two sentences, or None.

    Args:
        planned_volumes: The volumes of the deployment.
        in_container: Whether instances run in containers.
        replicas: The number of replicas of the deployment.
        required_paths: Files and directories of the app that no volume may hide.
    """
    for position, one in enumerate(planned_volumes):
        others = {other.mount_path: other.name for other in planned_volumes[:position]}
        if problem := find_problem(one.mount_path, others, in_container=in_container):
            return (
                f'The path "{one.mount_path}" of the volume "{one.name}" {problem}. Change one of '
                "the paths, or detach a volume that is no longer needed."
            )
        if hidden := find_hidden(one.mount_path, required_paths):
            return (
                f'The volume "{one.name}" cannot be mounted at {one.mount_path}, because it would '
                f"hide {hidden[0]}, which the app needs. Choose a directory that contains only "
                "data."
            )
        if replicas > 1 and one.access is VolumeAccess.ONE:
            return single_writer_problem(one.name, replicas)
    return None


def single_writer_problem(name: str, replicas: int) -> str:
    """Return why *replicas* instances cannot use the volume *name*, and a remedy."""
    return (
        f'{replicas} replicas cannot use the volume "{name}" because its access is "one". Use 1 '
        'replica, or change the access to "many" if the app can share its files.'
    )
