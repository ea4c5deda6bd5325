"""What an image is made from, beside the commands of its plan."""

from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan, Origin, Step

DEBIAN = "debian:trixie-slim"
APP = "/app"
"""Where the files of the repository lie in an image."""
CACHE = "/root/.cache"
"""What installers keep there is handed from build to build, and is in no image."""
TMP = "/tmp"  # noqa: S108 - a container's
"""The one directory that a program can write to."""
ASSET_PACKAGES = ("nodejs", "npm")
"""What builds the styles and scripts of an application in another language."""
ASSET_ENV: Mapping[str, str] = {"npm_config_cache": f"{CACHE}/npm"}


@frozen(kw_only=True)
class Recipe:
    """
    The images that a language stands on, and what they lack.

    Commands and paths are those of a Debian image; packages are Debian's.
    """

    base: str
    """The image in which it is built and run, as in "python:3.13-slim"."""
    run_base: str | None = None
    """The image in which it is run, where that is another one; then nothing is shared with it."""
    packages: tuple[str, ...] = ()
    """Needed to build."""
    run_packages: tuple[str, ...] = ()
    """Needed to run, and in a shared image to build."""
    tools: tuple[str, ...] = ()
    """Commands that prepare the build."""
    run_tools: tuple[str, ...] = ()
    """Commands that install what is needed to run, and in a shared image to build."""
    files: Mapping[str, str] = field(factory=dict)
    """Texts of ours that are needed to run, by their places."""
    borrowed: Mapping[str, str] = field(factory=dict)
    """Programs for the build by their places, each with the image that has it."""
    manifests: tuple[str, ...] = ()
    """The files that say what is to be installed, by their paths; none where all may."""
    prefetch: str | None = None
    """Installs, from the manifests alone, what the plan's install command then finds."""
    env: Mapping[str, str] = field(factory=dict)
    """For the build."""
    run_env: Mapping[str, str] = field(factory=dict)
    """To run, and in a shared image for the build."""
    finish: tuple[str, ...] = ()
    """Commands in the directory of the application that follow its build."""
    prepare: str | None = None
    """A command that goes before each process that is run."""
    path: tuple[str, ...] = ()
    """Directories that come first where programs are looked for."""
    kept: tuple[str, ...] = (APP,)
    """What of the build is needed to run."""


def place(directory: str) -> str:
    """Return where a directory of the repository lies in the image."""
    inner = directory.strip("/")
    return APP if inner in {"", "."} else f"{APP}/{inner}"


def kept_output(plan: BuildPlan, output: str) -> tuple[str, ...]:
    """Return the directory that a build fills, or all where somebody else says what is run."""
    steps = plan.processes.values()
    is_known = bool(steps) and all(map(is_ours, steps))
    return (f"{place(plan.directory)}/{output}",) if is_known else (APP,)


def placed(plan: BuildPlan, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return *paths*, which are relative to the application, as seen from the repository."""
    prefix = "" if plan.directory in {"", "."} else f"{plan.directory}/"
    return tuple(prefix + path for path in paths)


def is_ours(step: Step | None) -> bool:
    """Tell whether a step is one that was found, so that it is known what it reads."""
    return step is not None and step.origin is Origin.DETECTED
