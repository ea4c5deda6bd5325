"""The input of detection: the project's build overrides and the files of the application."""

from pathlib import PurePosixPath
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import Packaging, RepositoryDockerfile, StaticSite


@frozen(kw_only=True)
class BuildOverrides:
    """
    Build settings of the project, which override those of the repository. None
    means to detect.
    """

    framework: str | None = None
    """A name or alias from `FRAMEWORKS`. None and "auto" both mean detection."""
    install_command: str | None = None
    build_command: str | None = None
    start_command: str | None = None
    root_dir: str = ""
    """The directory of the application within the repository. Empty means the repository root."""
    packaging: Packaging = Packaging.DIRECTORY


@frozen(kw_only=True)
class DetectionContext:
    """The input of one language's analysis."""

    tree: FileTree
    """The files of the application directory."""
    repository: FileTree
    """All files of the repository, including those outside the application directory."""
    directory: str = ""
    """The application directory, relative to the repository root."""
    framework: str | None = None
    """The canonical name of the chosen framework, or None to detect it."""
    has_web_command: bool = False
    """
    True if no start command needs to be detected, because the project or its repository declares
    one, a directory of files to serve, or only workers.
    """
    has_only_workers: bool = False
    """
    True if the repository declares processes, but no web process. In this case, a detected program
    becomes the web process only if it is known to listen on a port.
    """
    has_install_command: bool = False
    """True if the project or its repository declares an install command."""
    site: StaticSite | None = None
    """The files to serve, if the repository names them. `has_web_command` is then True too."""
    packaging: Packaging = Packaging.DIRECTORY
    dockerfile: RepositoryDockerfile | None = None
    """The Dockerfile that pushpaka.toml configures."""

    def in_subdirectory(self, directory: str) -> Self:
        """Return the context for *directory*, which is relative to the application directory."""
        path = str(PurePosixPath(self.directory, directory))
        return evolve(self, tree=subtree(self.tree, directory), directory=path)
