"""Image recipes: the parts of an image that a build plan does not determine."""

from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Origin

DEBIAN = "debian:trixie-slim"
APP = "/app"
"""The directory of the repository's files in an image."""
CACHE = "/root/.cache"
"""A cache mount shared by all builds, which never becomes part of an image."""
TMP = "/tmp"  # noqa: S108 - the /tmp of a container
"""The only directory that a program can write to."""
ASSET_PACKAGES = ("nodejs", "npm")
"""The Debian packages that build front-end assets for an application in another language."""
ASSET_ENV: Mapping[str, str] = {"npm_config_cache": f"{CACHE}/npm"}


@frozen(kw_only=True)
class ImageRecipe:
    """
    The base images of a language, and what is added to them.

    Commands and paths are those of Debian images, and packages are Debian packages. Unless
    `run_base` is set, the build and the run stage share one base image. Then everything for the run
    stage is also available during the build.
    """

    base: str
    """
    The base image of the build stage, for example "python:3.13-slim". The run stage uses it as
    well, unless `run_base` is set.
    """
    run_base: str | None = None
    """The base image of the run stage, or None to use the base image of the build stage."""
    packages: tuple[str, ...] = ()
    """Packages for the build stage."""
    run_packages: tuple[str, ...] = ()
    """Packages for the run stage."""
    tools: tuple[str, ...] = ()
    """Commands that prepare the build stage."""
    run_tools: tuple[str, ...] = ()
    """Commands that prepare the run stage."""
    files: Mapping[str, str] = field(factory=dict)
    """Generated files for the run stage: texts by path."""
    copied_programs: Mapping[str, str] = field(factory=dict)
    """The images from which programs for the build are copied, by path of the program."""
    manifests: tuple[str, ...] = ()
    """
    The files that the install command reads, relative to the repository. Empty means that it may
    read any file.
    """
    install_from_manifests: str | None = None
    """
    The command that installs dependencies from the manifests alone, in a layer that is cached until
    the manifests change.
    """
    env: Mapping[str, str] = field(factory=dict)
    """Environment variables of the build stage."""
    run_env: Mapping[str, str] = field(factory=dict)
    """Environment variables of the run stage."""
    after_build: tuple[str, ...] = ()
    """Commands that follow the build, in the directory of the application."""
    entry_command: str | None = None
    """A command that runs before each process of the image."""
    path_directories: tuple[str, ...] = ()
    """Directories to put first on PATH."""
    kept_paths: tuple[str, ...] = (APP,)
    """Paths of the build stage that are copied to the run stage."""


def image_path(directory: str) -> str:
    """Return the path of a repository directory in the image."""
    inner = directory.strip("/")
    return APP if inner in {"", "."} else f"{APP}/{inner}"


def kept_output(plan: BuildPlan, output: str) -> tuple[str, ...]:
    """
    Return the output directory of the build as the only path to keep.

    If a process has a user-defined command, all files are kept, because the command may use any
    file.
    """
    steps = plan.processes.values()
    is_known = bool(steps) and all(map(is_detected, steps))
    return (f"{image_path(plan.directory)}/{output}",) if is_known else (APP,)


def repository_paths(plan: BuildPlan, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Convert *paths* from relative to the application to relative to the repository."""
    prefix = "" if plan.directory in {"", "."} else f"{plan.directory}/"
    return tuple(prefix + path for path in paths)


def is_detected(step: BuildStep | None) -> bool:
    """Return True if the step was detected, so that the files that it reads are known."""
    return step is not None and step.origin is Origin.DETECTED
