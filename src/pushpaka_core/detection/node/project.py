"""A Node.js application in its repository, alone or in a workspace."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from attrs import evolve, frozen

from pushpaka_core.detection.documents import repository_path
from pushpaka_core.detection.node.documents import read_config_script
from pushpaka_core.detection.node.manager_choice import choose_manager
from pushpaka_core.detection.node.managers import ChosenManager
from pushpaka_core.detection.node.manifest import Manifest, read_manifest
from pushpaka_core.detection.node.versions import RequestedNode, minimum_node, requested_node
from pushpaka_core.detection.node.workspaces import (
    Workspace,
    directories_above,
    relative_path,
    workspace_of,
)
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import Evidence

_INSTALL_SCRIPTS = frozenset({"preinstall", "install", "postinstall", "prepare"})


@frozen(kw_only=True)
class NodeProject:
    """The facts about an application that all framework rules share, read on first use."""

    repository: FileTree
    directory: str
    """The directory of the application, relative to the repository. "." is the repository root."""
    workspace: Workspace | None

    @cached_property
    def tree(self) -> FileTree:
        """Return the files of the application."""
        return subtree(self.repository, self.directory)

    @cached_property
    def manifest(self) -> Manifest:
        """Return the package.json of the application."""
        return read_manifest(self.repository, self.directory)

    @cached_property
    def manager(self) -> ChosenManager:
        """Return the package manager that installs the application."""
        root = self.workspace.manifest if self.workspace else self.manifest
        return choose_manager(self.repository, self.root, root, self.manifest)

    @cached_property
    def requested_node(self) -> RequestedNode:
        """Return the requested Node.js version, or else the version that the packages need."""
        requested = requested_node(self.repository, directories_above(self.directory))
        needed = minimum_node(self.manifest)
        if requested.version or needed.version is None:
            return requested
        return evolve(
            needed, evidence=(*requested.evidence, *needed.evidence), rejected=requested.rejected
        )

    @property
    def root(self) -> str:
        """Return the directory in which packages are installed: the workspace root, if any."""
        return self.workspace.directory if self.workspace else self.directory

    @property
    def is_root(self) -> bool:
        """Return True if the application is the root of a workspace."""
        return self.workspace is not None and self.directory == self.workspace.directory

    @property
    def install(self) -> str | None:
        """Return the command that installs all packages, or None if there are no packages."""
        if not self._has_packages:
            return None
        return self.run_at_root(self.manager.install)

    def run_at_root(self, command: str) -> str:
        """Return *command*, run in the directory in which packages are installed."""
        return (
            command
            if self.root == self.directory
            else f"cd {self.relative_path_to(self.root)} && {command}"
        )

    def relative_path_to(self, directory: str) -> str:
        """Return the path to *directory*, relative to the directory of the application."""
        return relative_path(self.directory, directory)

    def config_code(self, *stems: str) -> str:
        """Return the code of the first configuration file with one of *stems*, or ""."""
        found = read_config_script(self.tree, stems)
        return found[1] if found else ""

    def config_path(self, *stems: str) -> str | None:
        """Return the path of the first configuration file with one of *stems*, or None."""
        found = read_config_script(self.tree, stems)
        return repository_path(self.directory, found[0]) if found else None

    def config_evidence(self, reason: str, *stems: str) -> Evidence:
        """Return *reason* as evidence from a configuration file."""
        return Evidence(reason=reason, path=self.config_path(*stems))

    def first_file(self, paths: Sequence[str]) -> str | None:
        """Return the first of *paths* that exists, or None."""
        return next((path for path in paths if self.tree.exists(path)), None)

    def evidence(self) -> Iterator[Evidence]:
        """Return the workspace, the package manager and the Node.js version as evidence."""
        if self.workspace and not self.is_root:
            reason = f"{self.directory} is a workspace package"
            yield Evidence(reason=reason, path=self.workspace.source)
        if self._has_packages:
            yield from self.manager.evidence
        yield from self.requested_node.evidence

    @property
    def _has_packages(self) -> bool:
        is_lifecycle = bool(self.manifest.scripts.keys() & _INSTALL_SCRIPTS)
        return bool(
            self.workspace or self.manager.lock or self.manifest.dependencies or is_lifecycle
        )


def read_project(repository: FileTree, directory: str) -> NodeProject:
    """
    Return the project in *directory* of the repository.

    Raises:
        DetectionError: If a workspace file is invalid. The message includes the line and column.
    """
    return NodeProject(
        repository=repository,
        directory=directory,
        workspace=workspace_of(repository, directory),
    )
