"""Where imports of a repository start."""

import ast
import sys
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.python.syntax import imported_from
from pushpaka_core.detection.tree import FileTree

_PROGRAM = "manage.py"


@frozen(kw_only=True)
class Layout:
    """The directories of a repository, as far as imports depend on them."""

    seconds: Mapping[str, frozenset[str]]
    """The importable names in each directory of the first level."""
    roots: frozenset[str]
    """Directories from which a program of Django's is run."""

    @classmethod
    def of(cls, tree: FileTree) -> "Layout":
        """Look at all paths of *tree*."""
        found: dict[str, set[str]] = {}
        roots: set[str] = set()
        for path in tree.paths():
            first, slash, rest = path.partition("/")
            second, deeper, _ = rest.partition("/")
            if slash and (deeper or second.endswith(".py")):
                found.setdefault(first, set()).add(second.removesuffix(".py"))
            if path.endswith(f"/{_PROGRAM}"):
                roots.add(path.removesuffix(f"/{_PROGRAM}"))
        seconds = {first: frozenset(names) for first, names in found.items()}
        return cls(seconds=seconds, roots=frozenset(roots))

    def root_of(self, path: str, syntax: ast.Module) -> str:
        """Return the directory from which the file's own imports make sense; "." is the top."""
        first, *rest = path.split("/")
        if around := [root for root in self.roots if path.startswith(f"{root}/")]:
            return max(around, key=len)
        if not rest or "__init__" in self.seconds.get(first, ()):
            return "."
        absolute, relative = imported_from(syntax)
        if first in absolute or any(level >= len(rest) for level in relative):
            return "."
        beside = (absolute & self.seconds[first]) - sys.stdlib_module_names
        return first if first == "src" or beside else "."
