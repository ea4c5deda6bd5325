"""The settings of projects and volumes, as keyword arguments of the client's methods."""

from typing import TypedDict

from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume


class ProjectSettings(TypedDict, total=False):
    """Settings for which None means the default or the detected value."""

    root_dir: str | None
    install_command: str | None
    build_command: str | None
    start_command: str | None
    port: int | None
    framework: str | None
    health_check: HealthCheck | str | None
    health_check_path: str | None
    health_check_timeout: int | None
    """Timeout in seconds."""
    rollback_window: int | None
    """Length of the window in seconds. 0 turns automatic rollbacks off."""
    replicas: int | None
    cpu_limit: float | None
    """CPU limit in cores."""
    memory_limit: int | None
    """Memory limit in MiB."""
    git_token: str | None
    registry_credentials: str | None
    """Credentials in the form USER:PASSWORD."""


class NewProjectSettings(ProjectSettings, total=False):
    """Optional settings of a new project."""

    branch: str | None
    auto_deploy: bool | None


class ProjectChanges(ProjectSettings, total=False):
    """Changes to a project. None resets a setting, and omitted settings stay unchanged."""

    name: str
    repo_url: str
    branch: str
    auto_deploy: bool


class VolumeChanges(TypedDict, total=False):
    """Changes to a volume. Omitted settings stay unchanged."""

    name: str
    mount_path: str
    access: VolumeAccess | str
    preview: PreviewVolume | str
    size_limit: int | None
    """Size limit in MiB. None removes the limit."""
    snapshot_every: int | None
    """Hours between automatic snapshots. None turns them off."""
    snapshot_keep: int
