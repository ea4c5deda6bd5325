"""The repositories of volumes and their snapshots."""

from collections.abc import Sequence
from typing import Protocol

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import SnapshotId, VolumeId
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.ports.storage.views import Visible, VisibleOfProjects


class Volumes(Protocol):
    """
    Volumes, without their files.

    Unlike other entities of a project, volumes are kept when the project is deleted.
    """

    def visible_to(self, actor: Actor, /) -> VisibleOfProjects[VolumeId, Volume]:
        """
        Return the volumes that *actor* can view.

        These are the volumes of the projects that *actor* can view, and their own volumes that no
        longer have a project.
        """
        ...

    async def restoring(self) -> Sequence[Volume]:
        """Return all volumes whose files are being restored, oldest first."""
        ...

    async def add(self, volume: Volume, /) -> None:
        """
        Add a volume.

        Raises:
            DuplicateError: If the target has an attached volume of that name.
        """

    async def update(self, volume: Volume, /) -> None:
        """
        Update a volume. Read it in the same transaction, so that no other change is lost.

        Raises:
            DuplicateError: If the target has another attached volume of that name.
            NotFoundError: If the volume was deleted in the meantime.
        """

    async def remove(self, volume: Volume, /) -> None:
        """Delete a volume from the database, but not its files. Idempotent."""


class VisibleSnapshots(Visible[SnapshotId, Snapshot], Protocol):
    """The snapshots of the volumes that an actor can view."""

    async def of_volume(self, volume_id: VolumeId, /) -> Sequence[Snapshot]:
        """
        Return the snapshots of a volume, newest first.

        The result is empty if the actor cannot view the volume.
        """
        ...


class Snapshots(Protocol):
    """Snapshots, without their files. They are deleted with the row of their volume."""

    def visible_to(self, actor: Actor, /) -> VisibleSnapshots:
        """Return the snapshots of the volumes that *actor* can view."""
        ...

    async def unfinished(self) -> Sequence[Snapshot]:
        """Return all snapshots that are pending or running, oldest first."""
        ...

    async def add(self, snapshot: Snapshot, /) -> None:
        """
        Add a snapshot.

        Raises:
            NotFoundError: If the volume does not exist.
        """

    async def update(self, snapshot: Snapshot, /) -> None:
        """
        Update a snapshot. Read it in the same transaction, so that no other change is lost.

        Raises:
            NotFoundError: If the snapshot was deleted in the meantime.
        """

    async def remove(self, snapshot: Snapshot, /) -> None:
        """Delete a snapshot from the database, but not its file. Idempotent."""
