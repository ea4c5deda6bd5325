"""Workspaces of uv: one lock file for several projects of a repository."""

from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.documents import read_toml, strings, table
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question

PYPROJECT = "pyproject.toml"
_MOST_PATTERNS = 200
_MOST_DIRECTORIES = 2_000


@frozen(kw_only=True)
class Workspace:
    """A directory whose pyproject.toml names members."""

    directory: str
    """As seen from the repository; empty for the repository itself."""
    members: tuple[str, ...]
    """Patterns of their directories."""
    excluded: tuple[str, ...]

    @classmethod
    def at(cls, repository: FileTree, directory: str) -> "Workspace | None":
        """Return the workspace whose root is *directory*."""
        document = read_toml(repository, inner(directory, PYPROJECT))
        said = table(document, "tool", "uv", "workspace")
        if not said:
            return None
        return cls(
            directory=directory,
            members=strings(said.get("members"))[:_MOST_PATTERNS],
            excluded=strings(said.get("exclude"))[:_MOST_PATTERNS],
        )

    def holds(self, directory: str) -> bool:
        """Tell whether the project in *directory*, seen from the repository, is a member."""
        parts = PurePosixPath(directory).relative_to(self.directory).parts
        return any(_fits(parts, one) for one in self.members) and not any(
            _fits(parts, one) for one in self.excluded
        )

    def directories(self, repository: FileTree) -> tuple[str, ...]:
        """Return the members, as seen from the repository."""
        ending = f"/{PYPROJECT}"
        found = (path.removesuffix(ending) for path in repository.paths() if path.endswith(ending))
        inside = (one for one in found if PurePosixPath(one).is_relative_to(self.directory))
        looked_at = islice(inside, _MOST_DIRECTORIES)
        return tuple(one for one in looked_at if one != self.directory and self.holds(one))


def workspace_around(question: Question) -> Workspace | None:
    """Return the workspace in which the application is a member."""
    if PurePosixPath(question.directory) == PurePosixPath():
        return None
    for parent in PurePosixPath(question.directory).parents:
        workspace = Workspace.at(question.repository, "" if str(parent) == "." else str(parent))
        if workspace and workspace.holds(question.directory):
            return workspace
    return None


def inner(directory: str, path: str) -> str:
    """Return *path* in *directory*, as seen from the repository."""
    return str(PurePosixPath(directory, path))


def _fits(parts: tuple[str, ...], pattern: str) -> bool:
    wanted = PurePosixPath(pattern).parts
    if "**" in wanted:
        return fnmatchcase("/".join(parts), pattern.replace("**/", "*"))
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
