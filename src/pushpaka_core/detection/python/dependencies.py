"""What a Python project depends on, and the files that say it."""

from collections.abc import Mapping

from attrs import field, frozen
from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import read_toml, strings, table
from pushpaka_core.detection.python.locks import Locked
from pushpaka_core.detection.python.requirements import Listed, in_strings
from pushpaka_core.detection.python.workspaces import PYPROJECT, Workspace, workspace_around
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Evidence, Rejected


@frozen(kw_only=True)
class PythonProject:
    """What is installed, and by what."""

    manager: str | None = None
    """None where nothing says what to install."""
    path: str = ""
    """The file that says it, as seen from the application."""
    install: str | None = None
    listed: Listed = field(factory=dict)
    """Direct dependencies."""
    brought: frozenset[str] = frozenset()
    """Everything that is known to be there after the installation."""
    locked: Locked = field(factory=dict)
    """The versions that a lock file gives."""
    is_installed: bool = False
    """Whether the project itself is installed too, with its scripts."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()


@frozen(kw_only=True)
class Sources:
    """The files of an application that may say what it depends on."""

    tree: FileTree
    repository: FileTree
    directory: str
    document: Mapping[str, object]
    """The application's pyproject.toml, empty where there is none."""
    workspace: Workspace | None
    """The workspace of which it is a member."""

    @classmethod
    def of(cls, question: Question) -> "Sources":
        """Look around the application that is in question."""
        return cls(
            tree=question.tree,
            repository=question.repository,
            directory=question.directory,
            document=read_toml(question.tree, PYPROJECT),
            workspace=workspace_around(question),
        )

    @property
    def has_project(self) -> bool:
        """Tell whether there is a standard [project] table."""
        return bool(table(self.document, "project"))

    @property
    def poetry(self) -> Mapping[str, object]:
        """Return Poetry's own table."""
        return table(self.document, "tool", "poetry")

    @property
    def name(self) -> str | None:
        """Return the project's normalised name."""
        name = table(self.document, "project").get("name") or self.poetry.get("name")
        return canonicalize_name(name) if isinstance(name, str) else None

    def in_project_table(self) -> tuple[Listed, frozenset[str]]:
        """Return what the [project] table lists, and the servers that come with it."""
        requirements = strings(table(self.document, "project").get("dependencies"))
        return in_strings(requirements, PYPROJECT, self.tree.read(PYPROJECT) or "")
