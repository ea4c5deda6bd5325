"""How a release is run: as its project says, else as its repository says, else as usual."""

from collections.abc import Sequence
from typing import Any, Self

from attrs import fields, frozen

from pushpaka_core.domain.build_plans import Origin, RepositorySettings
from pushpaka_core.domain.projects import Project

_NOTHING_SAID = RepositorySettings()


@frozen(kw_only=True)
class ChosenSetting:
    """One of the run settings, with who chose it."""

    name: str
    value: str | float | None
    origin: Origin


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
        chosen: dict[str, Any] = {one.name: one.value for one in choose_settings(project, said)}
        return cls(**chosen)


def choose_settings(project: Project | None, said: RepositorySettings) -> Sequence[ChosenSetting]:
    """Return each of the run settings with who chose it: the project, if any, comes first."""
    return [_chosen(one.name, one.default, project, said) for one in fields(RunSettings)]


def _chosen(
    name: str, default: str | float | None, project: Project | None, said: RepositorySettings
) -> ChosenSetting:
    voices = ((project, Origin.PROJECT), (said, Origin.FILE))
    values = ((getattr(voice, name), origin) for voice, origin in voices if voice)
    chosen = next((one for one in values if one[0] is not None), (default, Origin.DEFAULT))
    return ChosenSetting(name=name, value=chosen[0], origin=chosen[1])
