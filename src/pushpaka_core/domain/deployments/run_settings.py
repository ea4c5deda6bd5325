"""Run settings of a release, from the project, its repository or the defaults, in this order."""

from collections.abc import Sequence
from typing import Any, Self

from attrs import evolve, fields_dict, frozen

from pushpaka_core.domain.pipeline.build_plans import Origin, RepositorySettings
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.mounts import VolumeAccess, VolumeMount

_NO_REPOSITORY_SETTINGS = RepositorySettings()


@frozen(kw_only=True)
class ResolvedSetting:
    """A run setting, and where its value comes from."""

    name: str
    value: str | float | None
    origin: Origin


@frozen(kw_only=True)
class RunSettings:
    """The settings that the instances of a release run with."""

    port: int = 3000
    """
    The port in the container.

    The process runtime chooses a port itself and passes it as PORT.
    """
    replicas: int = 1
    health_check: HealthCheck = HealthCheck.HTTP
    health_check_path: str | None = None
    """
    The path for the health check "http". None requests `/` and accepts any status below 500.
    """
    health_check_timeout: int = 60
    """The time from the start of a process to its first successful health check, in seconds."""
    rollback_window: int = 30
    """
    The number of seconds after a cutover during which a broken release is rolled back. 0 disables
    rollbacks.
    """
    cpu_limit: float | None = None
    """The number of CPUs, or None for no limit."""
    memory_limit: int | None = None
    """The memory limit in MiB, or None for no limit."""
    volumes: tuple[VolumeMount, ...] = ()

    @property
    def single_writer(self) -> bool:
        """Return True if instances of another release must not run at the same time."""
        return any(one.access is VolumeAccess.ONE for one in self.volumes)

    def with_replicas(self, replicas: int) -> Self:
        """
        Return a copy for *replicas* instances, or for one instance if the volumes do not allow
        more.
        """
        return evolve(self, replicas=1 if self.single_writer else replicas)

    @classmethod
    def of(
        cls, project: Project, repository_settings: RepositorySettings = _NO_REPOSITORY_SETTINGS
    ) -> Self:
        """
        Return the run settings for a release of *project*.

        Args:
            project: The project.
            repository_settings: The run settings in the repository's files.
        """
        chosen: dict[str, Any] = {
            one.name: one.value for one in resolve_settings(project, repository_settings)
        }
        return cls(**chosen)


def resolve_settings(
    project: Project | None, repository_settings: RepositorySettings
) -> Sequence[ResolvedSetting]:
    """
    Return each run setting with its origin. Choices of the project take precedence.

    If the project chose a check without a path, the repository's health check path is ignored. If
    the project chose a path, the repository's kind of check is ignored.
    """
    if project is not None:
        repository_settings = _without_overridden_check(project, repository_settings)
    return [
        _resolve(name, one.default, project, repository_settings)
        for name, one in fields_dict(RunSettings).items()
        if name != "volumes"
    ]


def _without_overridden_check(
    project: Project, repository_settings: RepositorySettings
) -> RepositorySettings:
    if project.health_check is not None:
        return (
            repository_settings
            if project.health_check.uses_path
            else evolve(repository_settings, health_check_path=None)
        )
    return (
        repository_settings
        if project.health_check_path is None
        else evolve(repository_settings, health_check=None)
    )


def _resolve(
    name: str,
    default_value: str | float | None,
    project: Project | None,
    repository_settings: RepositorySettings,
) -> ResolvedSetting:
    sources = ((project, Origin.PROJECT), (repository_settings, Origin.FILE))
    values = ((getattr(source, name), origin) for source, origin in sources if source)
    chosen = next((one for one in values if one[0] is not None), (default_value, Origin.DEFAULT))
    return ResolvedSetting(name=name, value=chosen[0], origin=chosen[1])
