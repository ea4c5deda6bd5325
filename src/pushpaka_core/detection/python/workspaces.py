"""uv workspaces: one lock file for several projects of a repository."""

from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import read_toml, repository_path, strings, table_at
from pushpaka_core.detection.tree import FileTree

PYPROJECT = "pyproject.toml"
_MAX_PATTERNS = 200
_MAX_DIRECTORIES = 2_000


@frozen(kw_only=True)
class Workspace:
    """A directory whose pyproject.toml declares workspace members."""

    directory: str
    """The directory of the workspace, relative to the repository. Empty for the repository root."""
    members: tuple[str, ...]
    """Patterns that match the directories of members, relative to the workspace."""
    excluded: tuple[str, ...]

    @classmethod
    def at(cls, repository: FileTree, directory: str) -> "Workspace | None":
        """Return the workspace whose root is *directory*, or None."""
        document = read_toml(repository, repository_path(directory, PYPROJECT))
        workspace = table_at(document, "tool", "uv", "workspace")
        if not workspace:
            return None
        return cls(
            directory=directory,
            members=strings(workspace.get("members"))[:_MAX_PATTERNS],
            excluded=strings(workspace.get("exclude"))[:_MAX_PATTERNS],
        )

    def has_member(self, directory: str) -> bool:
        """Return True if the project in *directory*, relative to the repository, is a member."""
        parts = PurePosixPath(directory).relative_to(self.directory).parts
        return any(_matches(parts, one) for one in self.members) and not any(
            _matches(parts, one) for one in self.excluded
        )

    def member_directories(self, repository: FileTree) -> tuple[str, ...]:
        """Return the member directories, relative to the repository."""
        ending = f"/{PYPROJECT}"
        found = (path.removesuffix(ending) for path in repository.paths() if path.endswith(ending))
        own = (one for one in found if PurePosixPath(one).is_relative_to(self.directory))
        looked_at = islice(own, _MAX_DIRECTORIES)
        return tuple(one for one in looked_at if one != self.directory and self.has_member(one))


def workspace_around(context: DetectionContext) -> Workspace | None:
    """Return the workspace that the application is a member of, or None."""
    if PurePosixPath(context.directory) == PurePosixPath():
        return None
    for parent in PurePosixPath(context.directory).parents:
        workspace = Workspace.at(context.repository, "" if str(parent) == "." else str(parent))
        if workspace and workspace.has_member(context.directory):
            return workspace
    return None


def _matches(parts: tuple[str, ...], pattern: str) -> bool:
    pattern_parts = PurePosixPath(pattern).parts
    if "**" in pattern_parts:
        return fnmatchcase("/".join(parts), pattern.replace("**/", "*"))
    return len(parts) == len(pattern_parts) and all(map(fnmatchcase, parts, pattern_parts))
