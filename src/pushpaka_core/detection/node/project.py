"""A Node.js application as it lies in its repository, alone or in a workspace."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from attrs import evolve, frozen

from pushpaka_core.detection.documents import inside
from pushpaka_core.detection.node.documents import read_script
from pushpaka_core.detection.node.manager_choice import choose_manager
from pushpaka_core.detection.node.managers import ChosenManager
from pushpaka_core.detection.node.manifest import Manifest, read_manifest
from pushpaka_core.detection.node.versions import WantedNode, needed_node, wanted_node
from pushpaka_core.detection.node.workspaces import (
    Workspace,
    directories_above,
    way,
    workspace_of,
)
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import Evidence

_LIFECYCLE = frozenset({"preinstall", "install", "postinstall", "prepare"})


@frozen(kw_only=True)
class NodeProject:
    """What is known about an application before it is asked what it is made with."""

    repository: FileTree
    directory: str
    """As seen from the repository; "." for the repository itself."""
    workspace: Workspace | None

    @cached_property
    def tree(self) -> FileTree:
        """Return the files of the application."""
        return below(self.repository, self.directory)

    @cached_property
    def manifest(self) -> Manifest:
        """Return its package.json."""
        return read_manifest(self.repository, self.directory)

    @cached_property
    def manager(self) -> ChosenManager:
        """Return what installs it."""
        root = self.workspace.manifest if self.workspace else self.manifest
        return choose_manager(self.repository, self.root, root, self.manifest)

    @cached_property
    def node(self) -> WantedNode:
        """Return the Node.js that it asks for, or that its packages need."""
        said = wanted_node(self.repository, directories_above(self.directory))
        needed = needed_node(self.manifest)
        if said.version or needed.version is None:
            return said
        return evolve(needed, evidence=(*said.evidence, *needed.evidence), rejected=said.rejected)

    @property
    def root(self) -> str:
        """Return where packages are installed: its directory, or that of its workspace."""
        return self.workspace.directory if self.workspace else self.directory

    @property
    def is_root(self) -> bool:
        """Tell whether other packages lie below it."""
        return self.workspace is not None and self.directory == self.workspace.directory

    @property
    def install(self) -> str | None:
        """Return the command that installs all packages, None where there are none."""
        if not self._has_packages:
            return None
        return self.at_root(self.manager.install)

    def at_root(self, command: str) -> str:
        """Return what runs *command* where packages are installed."""
        return (
            command if self.root == self.directory else f"cd {self.way_to(self.root)} && {command}"
        )

    def way_to(self, directory: str) -> str:
        """Return the relative path to another directory of the repository."""
        return way(self.directory, directory)

    def config(self, *stems: str) -> str:
        """Return the code of its first configuration with one of these names, "" where none is."""
        found = read_script(self.tree, stems)
        return found[1] if found else ""

    def config_path(self, *stems: str) -> str | None:
        """Return where that configuration lies, as seen from the repository."""
        found = read_script(self.tree, stems)
        return inside(self.directory, found[0]) if found else None

    def said_in(self, reason: str, *stems: str) -> Evidence:
        """Return *reason* with the configuration that says so."""
        return Evidence(reason=reason, path=self.config_path(*stems))

    def first_file(self, paths: Sequence[str]) -> str | None:
        """Return the first of *paths* that is there."""
        return next((path for path in paths if self.tree.exists(path)), None)

    def evidence(self) -> Iterator[Evidence]:
        """Say where it lies, what installs it, and with which Node.js."""
        if self.workspace and not self.is_root:
            reason = f"{self.directory} is a package of the workspace"
            yield Evidence(reason=reason, path=self.workspace.source)
        if self._has_packages:
            yield from self.manager.evidence
        yield from self.node.evidence

    @property
    def _has_packages(self) -> bool:
        is_lifecycle = bool(self.manifest.scripts.keys() & _LIFECYCLE)
        return bool(
            self.workspace or self.manager.lock or self.manifest.dependencies or is_lifecycle
        )


def read_project(repository: FileTree, directory: str) -> NodeProject:
    """
    Return the project in *directory* of the repository.

    Raises:
        DetectionError: If a file that matters is broken; the message holds its place.
    """
    return NodeProject(
        repository=repository,
        directory=directory,
        workspace=workspace_of(repository, directory),
    )
