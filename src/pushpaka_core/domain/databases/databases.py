"""Databases: servers with a volume that Pushpaka runs for the apps of a project."""

from enum import StrEnum
from typing import Any

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS, DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.env_vars import check_key
from pushpaka_core.domain.projects.projects import SOURCE_SECRETS, Project
from pushpaka_core.domain.projects.sources import ARCHIVE_URL
from pushpaka_core.domain.validation import Matches, validated_by
from pushpaka_core.domain.volumes.servers import DatabaseKind, DatabaseServer
from pushpaka_core.domain.volumes.volumes import Volume, check_size_limit, check_volume_name

DEFAULT_NAME = "main"
"""The default name of a project's first database."""
DEFAULT_ENV_NAME = "DATABASE_URL"
"""The environment variable in which most frameworks expect the URL of their database."""


_check_version = Matches(r"[0-9]{1,3}", 'must be a major version such as "17"')


class DatabaseStatus(StrEnum):
    """The status of a database, derived from the deployments of its server."""

    STARTING = "starting"
    """The server is being built or started for the first time, or again after it was stopped."""
    RUNNING = "running"
    """The server accepts connections."""
    CRASHED = "crashed"
    """The server keeps exiting, and is restarted."""
    FAILED = "failed"
    """The server could not be started."""
    STOPPED = "stopped"
    """A user stopped the server."""
    DETACHED = "detached"
    """The database has no server. Its files are kept until `Volume.purge_after`."""


@frozen(kw_only=True)
class NewDatabase:
    """The input for creating a database."""

    project_id: ProjectId
    """Id of the project."""
    name: str = field(default=DEFAULT_NAME, validator=validated_by(check_volume_name))
    """Name, unique among the project's databases: lowercase letters, digits and hyphens."""
    kind: DatabaseKind = DatabaseKind.POSTGRES
    """Kind of server."""
    version: str | None = field(default=None, validator=validated_by(_check_version))
    """Major version of the server, for example "17". Each runtime has a default."""
    env_name: str = field(default=DEFAULT_ENV_NAME, validator=validated_by(check_key))
    """
    Name of the environment variable that receives the URL of the database.

    Production deployments get it from the next one on. Previews do not.
    """
    size_limit: int | None = field(default=None, validator=validated_by(check_size_limit))
    """Maximum size in MiB. Larger databases are reported, and not restarted. Default: no limit."""


@frozen(kw_only=True)
class DatabaseAttachment:
    """The input for attaching a detached database."""

    project_id: ProjectId | None = None
    """Id of the project, which must have the same owner. Defaults to the previous project."""


@frozen(kw_only=True)
class DatabasePurge:
    """The input for deleting a detached database now."""

    name: str = field(validator=validated_by(check_volume_name))
    """Name of the database, to confirm that its data can be deleted."""


@frozen(kw_only=True)
class Database:
    """A database of a project, with the state of its server."""

    volume: Volume
    """The volume with the files of the database. It also holds the settings of the server."""
    status: DatabaseStatus
    deployment_id: DeploymentId | None = None
    """The newest deployment of the server, whose log has its output. None while detached."""
    error: str | None = None
    """Why the server could not be started or keeps exiting, or None."""

    @property
    def server(self) -> DatabaseServer:
        """Return the settings of the server."""
        return self.volume.required_server

    @classmethod
    def of(
        cls,
        volume: Volume,
        target: Target | None = None,
        active: Deployment | None = None,
        newest: Deployment | None = None,
    ) -> "Database":
        """
        Return a database with the status that follows from the deployments of its server.

        Args:
            volume: The volume of the database.
            target: The target of the server, or None if it never was active.
            active: The active deployment of the target.
            newest: The newest deployment of the target, which may be the active one.
        """
        status = _status(volume, target, active, newest)
        shown = newest if status in (DatabaseStatus.STARTING, DatabaseStatus.FAILED) else active
        shown = shown or newest
        has_error = status in (DatabaseStatus.FAILED, DatabaseStatus.CRASHED)
        return cls(
            volume=volume,
            status=status,
            deployment_id=shown.id if shown and volume.is_attached else None,
            error=shown.error if shown and has_error else None,
        )


def _status(
    volume: Volume,
    target: Target | None,
    active: Deployment | None,
    newest: Deployment | None,
) -> DatabaseStatus:
    if not volume.is_attached:
        return DatabaseStatus.DETACHED
    if active is not None and active.status is DeploymentStatus.RUNNING and not active.drain_until:
        return DatabaseStatus.RUNNING
    if newest is not None and newest.status in QUEUED_OR_IN_PROGRESS:
        return DatabaseStatus.STARTING
    if target is not None and target.stopped_at is not None:
        return DatabaseStatus.STOPPED
    if active is not None and active.status is DeploymentStatus.CRASHED:
        return DatabaseStatus.CRASHED
    return DatabaseStatus.FAILED


def server_project(project: Project) -> Project:
    """
    Return *project* with the default settings, for the deployments of a database's server.

    The settings of the project, such as the health check path, are those of its app.
    """
    names = (
        *("root_dir", "install_command", "build_command", "start_command", "port", "framework"),
        *("health_check", "health_check_path", "health_check_timeout", "rollback_window"),
        *("replicas", "cpu_limit", "memory_limit", *SOURCE_SECRETS),
    )
    defaults: dict[str, Any] = dict.fromkeys(names)
    return evolve(project, repo_url=ARCHIVE_URL, **defaults)
