"""Volumes: an app's files, which are kept across deployments."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from attrs import asdict, evolve, field, frozen

from pushpaka_core.domain.ids import ProjectId, SnapshotId, UserId, VolumeId
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import UNCHANGED, InRange, Matches, Unchanged, validated_by
from pushpaka_core.domain.volumes.mounts import VolumeAccess, VolumeMount
from pushpaka_core.domain.volumes.paths import check_mount_path
from pushpaka_core.domain.volumes.servers import DatabaseServer
from pushpaka_core.errors import ConflictError, NotFoundError

RETENTION = timedelta(days=7)
"""How long the files of a detached volume are kept."""

check_volume_name = Matches(
    r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
    "must be 1 to 40 lowercase letters, digits and hyphens, such as `media`",
)
MEBIBYTE = 2**20
check_size_limit = InRange(1, 2**30)
"""Requires a size limit in MiB, of at most 1 PiB."""
check_snapshot_every = InRange(1, 24 * 31)
"""Requires a time between two automatic snapshots in hours, of at most 31 days."""
check_snapshot_keep = InRange(1, 100)
"""The number of automatic snapshots that are kept."""
SNAPSHOTS_KEPT = 7
"""The default number of automatic snapshots to keep."""


class PreviewVolume(StrEnum):
    """The volume that previews get in place of a production volume."""

    NONE = "none"
    """Previews run without the volume."""
    EMPTY = "empty"
    """Each preview has its own volume, which is empty at first."""
    COPY = "copy"
    """
    Each preview has its own volume, which initially contains the files of the newest snapshot.
    """


@frozen(kw_only=True)
class NewVolume:
    """The input for creating a volume."""

    project_id: ProjectId
    """Id of the project."""
    name: str = field(validator=validated_by(check_volume_name))
    """Name, unique among the project's volumes: lowercase letters, digits and hyphens."""
    mount_path: str = field(validator=validated_by(check_mount_path))
    """
    Path at which the app finds the files: "media" is a directory in the app.

    Runtimes with containers also accept an absolute path such as "/data".
    """
    access: VolumeAccess = VolumeAccess.ONE
    """
    "one" if only one instance can use the files at a time, for example an SQLite database.

    "many" allows several replicas.
    """
    preview: PreviewVolume = PreviewVolume.NONE
    """
    Volume for each preview: "none" for no volume, "empty" for an empty one, or "copy".

    With "copy", it initially contains the files of production's newest snapshot.
    """
    size_limit: int | None = field(default=None, validator=validated_by(check_size_limit))
    """Maximum size in MiB. Larger volumes are reported, and not deployed. Defaults to no limit."""
    snapshot_every: int | None = field(default=None, validator=validated_by(check_snapshot_every))
    """Hours between automatic snapshots. Defaults to none."""
    snapshot_keep: int = field(default=SNAPSHOTS_KEPT, validator=validated_by(check_snapshot_keep))
    """Number of automatic snapshots to keep."""


@frozen(kw_only=True)
class VolumeChanges:
    """The input for changing a volume. UNCHANGED keeps a setting, as in `ProjectChanges`."""

    name: str | Unchanged = field(default=UNCHANGED, validator=validated_by(check_volume_name))
    mount_path: str | Unchanged = field(default=UNCHANGED, validator=validated_by(check_mount_path))
    access: VolumeAccess | Unchanged = UNCHANGED
    preview: PreviewVolume | Unchanged = UNCHANGED
    size_limit: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_size_limit)
    )
    snapshot_every: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_snapshot_every)
    )
    snapshot_keep: int | Unchanged = field(
        default=UNCHANGED, validator=validated_by(check_snapshot_keep)
    )

    @property
    def changed_settings(self) -> dict[str, Any]:
        """Return the settings that are not UNCHANGED, by name."""
        return asdict(self, recurse=False, filter=lambda _, value: value is not UNCHANGED)


@frozen(kw_only=True)
class VolumeAttachment:
    """The input for attaching a detached volume."""

    project_id: ProjectId | None = None
    """Id of the project, which must have the same owner. Defaults to the previous project."""


@frozen(kw_only=True)
class VolumePurge:
    """The input for deleting a volume and its files now."""

    name: str = field(validator=validated_by(check_volume_name))
    """Name of the volume, to confirm that its files can be deleted."""


@frozen(kw_only=True)
class Volume:
    """
    An app's files, which are kept across deployments.

    Deleting a volume or its project only detaches the volume. Its files are kept until
    `purge_after`.
    """

    id: VolumeId
    user_id: UserId
    """The owner of the project, who also owns the volume after the project is deleted."""
    project_id: ProjectId | None
    """The project, or None after it was deleted."""
    target: str
    """The target whose deployments mount the volume: production, a preview, or a database."""
    name: str
    """The name, unique among the attached volumes of a target."""
    mount_path: str
    """The path at which the app finds the files, see `VolumeMount.path`."""
    access: VolumeAccess = VolumeAccess.ONE
    preview: PreviewVolume = PreviewVolume.NONE
    size_limit: int | None = None
    """The maximum size in MiB, or None for no limit."""
    snapshot_every: int | None = None
    """The time between two automatic snapshots in hours, or None for no automatic snapshots."""
    snapshot_keep: int = SNAPSHOTS_KEPT
    """The number of automatic snapshots that are kept."""
    node: str | None = None
    """The name of the node that stores the files, or None before the first use."""
    used_bytes: int | None = None
    """
    The disk space that the files used at the last measurement, in bytes, or None before the
    first one.
    """
    measured_at: datetime | None = None
    """The time of the last measurement, or None if one is due because files were added."""
    over_limit_since: datetime | None = None
    """
    When the files became larger than `size_limit`, and the owner was notified. None if they are
    not.
    """
    snapshot_overdue_since: datetime | None = None
    """
    When a snapshot became overdue, and the owner was notified. None if no snapshot is overdue.
    """
    server: DatabaseServer | None = None
    """The server of the database that the volume belongs to, or None for a volume of an app."""
    server_password: Encrypted | None = None
    """The password of the database, or None for a volume of an app."""
    created_at: datetime
    updated_at: datetime
    detached_at: datetime | None = None
    purge_after: datetime | None = None
    """When the files of a detached volume will be deleted, else None."""
    purging_since: datetime | None = None
    """When the deletion of the files began, or None. From then on, the volume stays detached."""
    restored_from: SnapshotId | None = None
    """The snapshot that the volume was created from, or None."""
    restoring_since: datetime | None = None
    """When the restore of the snapshot's files began, or None if none is in progress."""
    restore_bytes_done: int | None = None
    """The compressed bytes of the snapshot that have been restored so far, or None."""
    restore_bytes_total: int | None = None
    """The compressed size of the snapshot that is being restored, or None."""
    restore_error: str | None = None
    """Why the files could not be restored, or None. Such a volume can only be purged."""

    @property
    def noun(self) -> str:
        """Return what users know the volume as: "volume" or "database"."""
        return "volume" if self.server is None else "database"

    @property
    def required_server(self) -> DatabaseServer:
        """
        Return the server of the database.

        Raises:
            NotFoundError: If the volume does not belong to a database.
        """
        if self.server is None:
            raise NotFoundError("database")
        return self.server

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted password to this volume."""
        return self.context_of(self.id)

    @staticmethod
    def context_of(id: VolumeId) -> str:
        """Return the encryption context of the password of the database in the volume *id*."""
        return f"volumes:{id}:server_password"

    @property
    def is_attached(self) -> bool:
        """Return True if deployments of the target mount the volume."""
        return self.detached_at is None

    @property
    def is_over_limit(self) -> bool:
        """Return True if the files were larger than `size_limit` at the last measurement."""
        return (
            self.size_limit is not None
            and self.used_bytes is not None
            and self.used_bytes > self.size_limit * MEBIBYTE
        )

    @property
    def mount(self) -> VolumeMount:
        """Return the volume's mount for instances."""
        return VolumeMount(
            volume_id=self.id, name=self.name, path=self.mount_path, access=self.access
        )

    def check_limit(self, *, now: datetime) -> Self:
        """
        Return a copy with the correct `over_limit_since`. Call it after a change of the size or
        limit.
        """
        since = (self.over_limit_since or now) if self.is_over_limit else None
        return evolve(self, over_limit_since=since)

    def detach(self, *, now: datetime) -> Self:
        """Return a detached copy of the volume. The files are kept until `RETENTION` has passed."""
        if not self.is_attached:
            return self
        return evolve(self, detached_at=now, purge_after=now + RETENTION, updated_at=now)

    def attach(self, project_id: ProjectId, target: str, *, now: datetime) -> Self:
        """
        Return a copy of the volume that is attached to a target of a project.

        Raises:
            ConflictError: If the volume is attached, or its files are incomplete or being deleted.
        """
        if self.is_attached:
            raise ConflictError(f'The {self.noun} "{self.name}" is attached. Detach it first.')
        self.require_complete()
        return evolve(
            self,
            project_id=project_id,
            target=target,
            detached_at=None,
            purge_after=None,
            updated_at=now,
        )

    def begin_purge(self, *, now: datetime) -> Self:
        """
        Return a copy of the volume whose files are being deleted. It can never be attached again.

        Raises:
            ConflictError: If the volume is attached or being restored.
        """
        if self.is_attached:
            raise ConflictError(
                f'The {self.noun} "{self.name}" is attached. Detach it first, so that no '
                "deployment uses it."
            )
        self._require_restored()
        return evolve(self, purging_since=self.purging_since or now)

    def is_purge_due(self, now: datetime) -> bool:
        """Return True if the files can be deleted because `purge_after` has passed."""
        return self.purging_since is not None or (
            self.restoring_since is None
            and self.purge_after is not None
            and self.purge_after <= now
        )

    def finish_restore(self, *, now: datetime, error: str | None = None) -> Self:
        """
        Return a copy of the volume whose restore has finished, or has failed because of *error*.

        It stays detached, and its files are kept until `RETENTION` has passed.
        """
        return evolve(
            self,
            restoring_since=None,
            restore_bytes_done=None,
            restore_bytes_total=None,
            restore_error=error,
            measured_at=None,
            purge_after=now + RETENTION,
            updated_at=now,
        )

    def require_complete(self) -> None:
        """Raise ConflictError if the files are incomplete or being deleted."""
        self._require_restored()
        if self.restore_error is not None:
            raise ConflictError(
                f'The files of the volume "{self.name}" could not be restored. Purge the volume, '
                "and restore the snapshot again."
            )
        if self.purging_since is not None:
            raise ConflictError(
                f'The files of the {self.noun} "{self.name}" are being deleted. Create a new '
                f"{self.noun}."
            )

    def _require_restored(self) -> None:
        """Raise ConflictError if the files are being restored."""
        if self.restoring_since is not None:
            raise ConflictError(
                f'The files of the volume "{self.name}" are being restored. Try again later.'
            )
