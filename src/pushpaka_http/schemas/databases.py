"""Response bodies for databases."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.databases.databases import Database, DatabaseStatus
from pushpaka_core.domain.ids import DeploymentId, ProjectId, UserId, VolumeId
from pushpaka_core.domain.volumes.servers import DatabaseKind


@frozen(kw_only=True, slots=False)
class DatabaseResponse:
    """A database, whose server Pushpaka runs for a project."""

    id: VolumeId
    """Id of the database."""
    project_id: ProjectId | None
    """Id of the project; null after the project was deleted."""
    user_id: UserId
    """Id of the owner."""
    name: str
    """Name, unique among the attached databases of the project."""
    kind: DatabaseKind
    """Kind of server."""
    version: str
    """Major version of the server."""
    env_name: str
    """Environment variable with the URL of the database, for production."""
    status: DatabaseStatus
    """Status of the server."""
    deployment_id: DeploymentId | None
    """Id of the deployment of the server, which has its log; null while detached."""
    error: str | None
    """Why the server could not be started or keeps exiting; null if it does not."""
    size_limit: int | None
    """Maximum size in MiB; null for no limit."""
    node: str | None
    """Name of the node that stores the files; null before the first start."""
    used_bytes: int | None
    """Disk space used by the files, in bytes; null if it was not measured yet."""
    measured_at: datetime | None
    """When the disk space was measured; null if it never was."""
    created_at: datetime
    """When the database was created."""
    detached_at: datetime | None
    """When the database was detached; null if it is attached."""
    purge_after: datetime | None
    """When the data of a detached database will be deleted; null if it is attached."""

    @classmethod
    def of(cls, database: Database) -> Self:
        """Return the response for *database*."""
        volume, server = database.volume, database.server
        return cls(
            id=volume.id,
            project_id=volume.project_id,
            user_id=volume.user_id,
            name=volume.name,
            kind=server.kind,
            version=server.version,
            env_name=server.env_name,
            status=database.status,
            deployment_id=database.deployment_id,
            error=database.error,
            size_limit=volume.size_limit,
            node=volume.node,
            used_bytes=volume.used_bytes,
            measured_at=volume.measured_at,
            created_at=volume.created_at,
            detached_at=volume.detached_at,
            purge_after=volume.purge_after,
        )
