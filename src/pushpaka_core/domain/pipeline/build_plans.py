"""Build plans: how a repository is built and run, and why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePosixPath

from attrs import field, frozen

from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.volumes.declarations import DeclaredVolume

_DEPENDENCY_DIRECTORIES = {"node": "node_modules", "php": "vendor", "python": ".venv"}
"""The directories with the dependencies of an app, by language."""
_PROGRAM_SUFFIXES = frozenset({".cjs", ".js", ".mjs", ".php", ".py", ".rb", ".sh", ".ts"})
"""The suffixes of files that commands run. Other files in commands can be data."""


class ArtifactKind(StrEnum):
    """The kind of server that responds to an application's requests."""

    PROGRAM = "program"
    """The application's own web process."""
    STATIC = "static"
    """A file server."""


class Packaging(StrEnum):
    """The kind of artifact that a build produces."""

    DIRECTORY = "directory"
    """A directory on the host, run with programs of the host."""
    IMAGE = "image"
    """A container image with all dependencies."""


class Origin(StrEnum):
    """Where a value comes from. Earlier members take precedence over later ones."""

    PROJECT = "project"
    """The settings of the project."""
    FILE = "pushpaka.toml"
    """The file pushpaka.toml in the repository."""
    PROCFILE = "Procfile"
    """The Procfile in the repository."""
    DETECTED = "detected"
    """The value was detected in the files of the repository."""
    DEFAULT = "default"
    """The default value of Pushpaka."""


@frozen(kw_only=True)
class Evidence:
    """A fact in the repository that led to a decision."""

    reason: str
    """A clause, for example "requirements.txt lists fastapi"."""
    path: str | None = None
    """The file in which the fact was found."""
    line: int | None = None
    """The line in that file, counted from 1."""


@frozen(kw_only=True)
class RejectedCandidate:
    """A candidate that detection considered and rejected. It helps to explain wrong results."""

    framework: str
    reason: str


@frozen(kw_only=True)
class BuildStep:
    """One shell command of a build, run in the plan's directory."""

    command: str
    origin: Origin


@frozen(kw_only=True)
class StaticSite:
    """Static files to serve."""

    directory: str
    """The directory to serve, relative to the plan's directory. "." is that directory itself."""
    fallback: str | None = None
    """The file served with status 200 if no file matches, for single-page apps: "index.html"."""
    not_found: str | None = None
    """The file served with status 404 if no file matches and there is no fallback: "404.html"."""
    origin: Origin = Origin.DETECTED


@frozen(kw_only=True)
class RepositoryDockerfile:
    """The Dockerfile of the repository. Paths are relative to the plan's directory."""

    path: str = "Dockerfile"
    target: str | None = None
    """The build stage to run, or None for the last one."""
    context: str | None = None
    """The build context, or None for the plan's directory."""
    has_web: bool = True
    """Whether the image's own command is the web process."""


@frozen(kw_only=True)
class RegistryImage:
    """An image from a registry, which is run as it is."""

    reference: str
    """The image with its digest, for example "ghcr.io/acme/shop:1.4@sha256:…"."""
    command: tuple[str, ...] = ()
    """The entrypoint and the command of the image."""


@frozen(kw_only=True)
class RepositorySettings:
    """
    The run settings in the repository's files.

    None leaves a setting to the project or its default.
    """

    port: int | None = None
    replicas: int | None = None
    health_check: HealthCheck | None = None
    health_check_path: str | None = None
    health_check_timeout: int | None = None
    rollback_window: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    required_env: tuple[str, ...] = ()
    """Environment variables that must be set before the first deployment."""
    required_by: str = "pushpaka.toml"
    """The file that declares the required environment variables."""
    generated_env: tuple[str, ...] = ()
    """Environment variables with generated values, one for production and one for previews."""
    default_env: Mapping[str, str] = field(factory=dict)
    """Default values for environment variables that the project does not set."""
    watch_paths: tuple[str, ...] = ()
    """Patterns for files whose changes trigger a deployment. Empty means all files."""
    volumes: tuple[DeclaredVolume, ...] = ()


@frozen(kw_only=True)
class BuildPlan:
    """
    How to install, build and start an application.

    A plan contains names of secrets, but never their values. It is a pure function of the
    repository's files, the project's settings and the names of the environment variables, so the
    same commit always results in the same plan.
    """

    framework: str
    """The name of the detected framework, for example "fastapi" or "static"."""
    framework_origin: Origin = Origin.DETECTED
    language: str
    """The toolchain that builds the application, for example "python" or "static"."""
    language_version: str | None = None
    """
    The version or version range, for example "3.12" or ">=3.11".

    None lets the builder choose.
    """
    package_manager: str | None = None
    """The package manager, for example "uv" or "pip"."""
    package_manager_version: str | None = None
    """
    The version of the package manager that the project requires. None lets the builder choose.
    """
    called_managers: tuple[str, ...] = ()
    """Other Node.js package managers that scripts of the project call, for example ("bun",)."""
    directory: str = ""
    """The directory in the repository in which commands run. Empty means the repository root."""
    install: BuildStep | None = None
    build: tuple[BuildStep, ...] = ()
    processes: Mapping[str, BuildStep] = field(factory=dict)
    """
    Commands by process type. `web` receives requests, and `release` runs before the cutover.

    Without `web`, `static` and `dockerfile`, the application consists of workers alone.
    """
    static: StaticSite | None = None
    """The static files to serve, if there is no `web` command."""
    dockerfile: RepositoryDockerfile | None = None
    """The Dockerfile to build, if the repository has its own."""
    image: RegistryImage | None = None
    """The image to run, if the project deploys an image and nothing is built."""
    settings: RepositorySettings = field(factory=RepositorySettings)
    """Run settings from the repository. Settings of the project take precedence."""
    added_packages: tuple[str, ...] = ()
    """
    Packages that are installed in addition to the project's dependencies, for example ("uvicorn",).
    """
    env_names: tuple[str, ...] = ()
    """Environment variables that the code appears to read."""
    evidence: tuple[Evidence, ...] = ()
    """The facts that led to this plan."""
    rejected: tuple[RejectedCandidate, ...] = ()
    """The candidates that were considered and rejected."""

    def missing_env(self, names: Collection[str]) -> tuple[str, ...]:
        """
        Return the required environment variables that have no value and are not in
        *names*.
        """
        known = {*names, *self.provided_env}
        return tuple(name for name in self.settings.required_env if name not in known)

    def unset_env(self, set_names: Collection[str]) -> tuple[str, ...]:
        """Return the environment variables that the code reads and that have no value."""
        known = {*set_names, *self.provided_env}
        return tuple(name for name in self.env_names if name not in known)

    def env_to_generate(self, set_names: Collection[str]) -> tuple[str, ...]:
        """Return the environment variables to generate, except for those in *set_names*."""
        return tuple(name for name in self.settings.generated_env if name not in set_names)

    @property
    def provided_env(self) -> frozenset[str]:
        """Return the variables for which the repository declares a generated or default value."""
        return frozenset({*self.settings.generated_env, *self.settings.default_env})

    @property
    def kind(self) -> ArtifactKind:
        """Return whether a program or a file server responds to requests."""
        return ArtifactKind.STATIC if self.static else ArtifactKind.PROGRAM

    @property
    def has_web(self) -> bool:
        """Return True if there is a web process or static files, and therefore an address."""
        own_command = self.dockerfile is not None and self.dockerfile.has_web
        return (
            "web" in self.processes
            or self.static is not None
            or self.image is not None
            or own_command
        )

    @property
    def has_own_image(self) -> bool:
        """
        Return True if Pushpaka does not generate the image, so that conventions of generated images
        do not apply to it.
        """
        return self.dockerfile is not None or self.image is not None

    @property
    def required_paths(self) -> tuple[str, ...]:
        """
        Return files and directories that the app needs and no volume may hide, relative to the
        plan's directory.

        They are the dependencies, the static files, the programs in commands, and the files that
        led to the plan. The app may need others too. If Pushpaka does not generate the image, the
        result is empty, because the image can have other paths than the repository.
        """
        if self.has_own_image:
            return ()
        dependencies = _DEPENDENCY_DIRECTORIES.get(self.language)
        commands = (step.command.split() for step in self.processes.values())
        paths = (
            *((dependencies,) if dependencies else ()),
            *((self.static.directory,) if self.static else ()),
            *(word for words in commands for word in _programs_in(words)),
            *(one.path for one in self.evidence if one.path is not None),
        )
        # Some evidence is relative to the repository.
        prefix = f"{PurePosixPath(self.directory)}/"
        return tuple(str(PurePosixPath(path.removeprefix(prefix))) for path in paths)

    @property
    def steps(self) -> tuple[BuildStep, ...]:
        """Return all commands: install, build and run."""
        install = (self.install,) if self.install else ()
        return (*install, *self.build, *self.processes.values())

    @property
    def needs_build(self) -> bool:
        """Return True if anything has to be installed or built before the application can run."""
        return bool(self.install or self.build)


def _programs_in(words: Sequence[str]) -> Iterator[str]:
    """Yield the relative paths of programs in the words of a command."""
    for position, word in enumerate(words):
        is_executable = position == 0 and "/" in word
        is_program = is_executable or PurePosixPath(word).suffix in _PROGRAM_SUFFIXES
        if is_program and not word.startswith("/"):
            yield word
