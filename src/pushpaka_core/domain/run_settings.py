"""How a release is run: as its project says, else as its repository says, else as usual."""

from typing import Any, Self

from attrs import fields, frozen

from pushpaka_core.domain.build_plans import Origin, RepositorySettings
from pushpaka_core.domain.projects import Project

_NOTHING_SAID = RepositorySettings()


@frozen(kw_only=True)
class RunSettings:
    """The settings that hold for the instances of a release. The defaults are ours."""

    port: int = 3000
    """The port in the container; the process runtime chooses its own and says so by PORT."""
    replicas: int = 1
    health_check_path: str | None = None
    health_check_timeout: int = 60
    cpu_limit: float | None = None
    memory_limit: int | None = None

    @classmethod
    def of(cls, project: Project, said: RepositorySettings = _NOTHING_SAID) -> Self:
        """Return what holds for a release of *project* whose repository *said* something too."""
        chosen = {field.name: _chosen(field.name, project, said)[0] for field in fields(cls)}
        return cls(**{name: value for name, value in chosen.items() if value is not None})


def origins_of(project: Project, said: RepositorySettings) -> dict[str, Origin]:
    """Return who decided each of the run settings, by name."""
    names = [field.name for field in fields(RunSettings)]
    return {name: _chosen(name, project, said)[1] for name in names}


def _chosen(name: str, project: Project, said: RepositorySettings) -> tuple[Any, Origin]:
    words = ((project, Origin.PROJECT), (said, Origin.FILE))
    values = ((getattr(speaker, name), origin) for speaker, origin in words)
    return next((one for one in values if one[0] is not None), (None, Origin.DEFAULT))
