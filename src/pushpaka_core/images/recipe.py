"""What an image is made from, beside the commands of its plan."""

from collections.abc import Mapping

from attrs import field, frozen

APP = "/app"
"""Where the files of the repository lie in an image."""
CACHE = "/root/.cache"
"""What installers keep there is handed from build to build, and is in no image."""


@frozen(kw_only=True)
class Recipe:
    """
    The images that a language stands on, and what they lack.

    Commands and paths are those of a Debian image; packages are Debian's.
    """

    base: str
    """The image in which it is built and run, as in "python:3.13-slim"."""
    run_base: str | None = None
    """The image in which it is run, where that is another one."""
    packages: tuple[str, ...] = ()
    """Needed to build."""
    run_packages: tuple[str, ...] = ()
    """Needed to build and to run."""
    tools: tuple[str, ...] = ()
    """Commands that prepare the build."""
    run_tools: tuple[str, ...] = ()
    """Commands that install what is needed to build and to run."""
    manifests: tuple[str, ...] = ()
    """The files that say what is to be installed, by their paths; none where all may."""
    prefetch: str | None = None
    """Installs, from the manifests alone, what the plan's install command then finds."""
    env: Mapping[str, str] = field(factory=dict)
    """For the build."""
    run_env: Mapping[str, str] = field(factory=dict)
    """For the build and afterwards."""
    path: tuple[str, ...] = ()
    """Directories that come first where programs are looked for."""
    kept: tuple[str, ...] = (APP,)
    """What of the build is needed to run."""


def place(directory: str) -> str:
    """Return where a directory of the repository lies in the image."""
    inner = directory.strip("/")
    return APP if inner in {"", "."} else f"{APP}/{inner}"
