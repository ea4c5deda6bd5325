"""What a repository needs to become something that runs, and why we think so."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from attrs import field, frozen


class ArtifactKind(StrEnum):
    """How the web process of a plan answers requests."""

    PROGRAM = "program"
    STATIC = "static"


class Packaging(StrEnum):
    """What becomes of a repository that is built."""

    DIRECTORY = "directory"
    """Files of the host, run by its own programs."""
    IMAGE = "image"
    """An image, with everything that it needs."""


class Origin(StrEnum):
    """Who decided a value; earlier members beat later ones."""

    PROJECT = "project"
    FILE = "pushpaka.toml"
    PROCFILE = "Procfile"
    DETECTED = "detected"
    DEFAULT = "default"


@frozen(kw_only=True)
class Evidence:
    """One fact in the repository that spoke for a decision."""

    reason: str
    """A sentence, as in "requirements.txt lists fastapi"."""
    path: str | None = None
    line: int | None = None


@frozen(kw_only=True)
class Rejected:
    """A candidate that was looked at and not taken, so that a wrong guess can be understood."""

    framework: str
    reason: str


@frozen(kw_only=True)
class Step:
    """One command of a build, run by a shell in the plan's directory."""

    command: str
    origin: Origin


@frozen(kw_only=True)
class StaticSite:
    """Files to be served as they are."""

    directory: str
    """Relative to the plan's directory; "." is the directory itself."""
    fallback: str | None = None
    """Served with status 200 where no file fits (single-page applications), as in "index.html"."""
    not_found: str | None = None
    """Served with status 404 where no file fits and there is no fallback, as in "404.html"."""
    origin: Origin = Origin.DETECTED


@frozen(kw_only=True)
class OwnDockerfile:
    """The repository's own recipe for its image; paths are relative to the plan's directory."""

    path: str = "Dockerfile"
    target: str | None = None
    """The stage that is wanted; None is the last one."""
    context: str | None = None
    """What the build sees; None is the plan's directory."""


@frozen(kw_only=True)
class RepositorySettings:
    """What a repository says of how it is run; None leaves a choice to its project, or to us."""

    port: int | None = None
    replicas: int | None = None
    health_check_path: str | None = None
    health_check_timeout: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    required_env: tuple[str, ...] = ()
    """Env vars without which it must not be deployed."""
    watch_paths: tuple[str, ...] = ()
    """Patterns of the files whose change is worth a deployment; none means all."""


@frozen(kw_only=True)
class BuildPlan:
    """
    How to install, build and start an application.

    It is data, and holds names of secrets, never values.

    A plan is a pure function of the tree, the project's settings and the names of
    the env vars, so that the same commit always gives the same plan.
    """

    framework: str
    """The name of the matched rule, as in "fastapi" or "static"."""
    framework_origin: Origin = Origin.DETECTED
    language: str
    """The toolchain that builds it, as in "python" or "static"."""
    language_version: str | None = None
    """As its tool writes it (">=3.11", "3.12"); None leaves the choice to the builder."""
    package_manager: str | None = None
    """As in "uv" or "pip"."""
    package_manager_version: str | None = None
    """As the project asks for it; None leaves the choice to the builder."""
    directory: str = ""
    """Where in the repository the commands run; empty for the repository itself."""
    install: Step | None = None
    build: tuple[Step, ...] = ()
    processes: Mapping[str, Step] = field(factory=dict)
    """Commands by process type; `web` gets the route, `release` runs before the switch."""
    static: StaticSite | None = None
    """Set where files are served instead of a `web` command."""
    dockerfile: OwnDockerfile | None = None
    """Set where the repository says itself how its image is made."""
    settings: RepositorySettings = field(factory=RepositorySettings)
    """What the repository says of how it is run; the project's own settings beat it."""
    added_packages: tuple[str, ...] = ()
    """Servers that the project does not bring itself, as in ("uvicorn",)."""
    env_names: tuple[str, ...] = ()
    """Env vars that the code reads, as far as they could be seen."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    def missing_env(self, set_names: Collection[str]) -> tuple[str, ...]:
        """Return the env vars that must be set and are not among *set_names*."""
        return tuple(name for name in self.settings.required_env if name not in set_names)

    @property
    def kind(self) -> ArtifactKind:
        """Tell whether a program answers, or a file server does."""
        return ArtifactKind.STATIC if self.static else ArtifactKind.PROGRAM

    @property
    def is_built(self) -> bool:
        """Tell whether anything has to be done with the sources before they run."""
        return bool(self.install or self.build)
