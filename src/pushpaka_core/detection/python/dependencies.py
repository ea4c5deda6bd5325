"""The dependencies of a Python project, and the files that declare them."""

from collections.abc import Mapping

from attrs import field, frozen
from packaging.utils import canonicalize_name

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import read_toml, strings, table_at
from pushpaka_core.detection.python.lock_files import LockedVersions
from pushpaka_core.detection.python.requirements import Listings, parse_requirements
from pushpaka_core.detection.python.workspaces import PYPROJECT, Workspace, workspace_around
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate


@frozen(kw_only=True)
class PythonProject:
    """The dependencies of an application and the command that installs them."""

    manager: str | None = None
    """The package manager, or None if no file declares dependencies."""
    path: str = ""
    """The file that declares the dependencies, relative to the application."""
    install: str | None = None
    listed: Listings = field(factory=dict)
    """The direct dependencies, with the lines that list them."""
    installed_packages: frozenset[str] = frozenset()
    """All packages that detection knows to be installed, including indirect dependencies."""
    locked: LockedVersions = field(factory=dict)
    """The versions in the lock file. Empty if there is none."""
    is_installed: bool = False
    """True if the project itself is installed too, with its scripts."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()


@frozen(kw_only=True)
class Sources:
    """The files that may declare the dependencies of an application."""

    tree: FileTree
    repository: FileTree
    directory: str
    document: Mapping[str, object]
    """The parsed pyproject.toml of the application, or an empty mapping."""
    workspace: Workspace | None
    """The uv workspace that the application is a member of, or None."""

    @classmethod
    def read(cls, context: DetectionContext) -> "Sources":
        """Read the files around the application in *context*."""
        return cls(
            tree=context.tree,
            repository=context.repository,
            directory=context.directory,
            document=read_toml(context.tree, PYPROJECT),
            workspace=workspace_around(context),
        )

    @property
    def has_project(self) -> bool:
        """Return True if pyproject.toml has a standard [project] table."""
        return bool(table_at(self.document, "project"))

    @property
    def poetry(self) -> Mapping[str, object]:
        """Return the [tool.poetry] table."""
        return table_at(self.document, "tool", "poetry")

    @property
    def name(self) -> str | None:
        """Return the normalized project name, or None."""
        name = table_at(self.document, "project").get("name") or self.poetry.get("name")
        return canonicalize_name(name) if isinstance(name, str) else None

    def project_table_requirements(self) -> tuple[Listings, frozenset[str]]:
        """Return the dependencies in the [project] table, and the servers that they install."""
        requirements = strings(table_at(self.document, "project").get("dependencies"))
        return parse_requirements(requirements, PYPROJECT, self.tree.read(PYPROJECT) or "")
