"""What the owner of a project asks for, and what is therefore left to be found out."""

from attrs import frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import OwnDockerfile, Packaging, StaticSite


@frozen(kw_only=True)
class Wishes:
    """The project's own settings: they beat the repository; None leaves it to detection."""

    framework: str | None = None
    """A name or alias of `FRAMEWORKS`; None and "auto" detect it."""
    install_command: str | None = None
    build_command: str | None = None
    start_command: str | None = None
    root_dir: str = ""
    """Where in the repository the application lies; empty for the repository itself."""
    packaging: Packaging = Packaging.DIRECTORY


@frozen(kw_only=True)
class Question:
    """What a language is asked about a tree."""

    tree: FileTree
    """The files of the application."""
    repository: FileTree
    """All files, those that lie above or beside the application included."""
    directory: str = ""
    """Where in the repository the application lies."""
    framework: str | None = None
    """The one that was chosen, by its canonical name; None leaves it open."""
    has_web: bool = False
    """Whether the project or its repository says how to start, or what to serve."""
    has_install: bool = False
    """Whether the project or its repository says how to install."""
    site: StaticSite | None = None
    """The files to serve where the repository names them; then `has_web` holds as well."""
    packaging: Packaging = Packaging.DIRECTORY
    dockerfile: OwnDockerfile | None = None
    """The recipe of an image that the repository names."""
