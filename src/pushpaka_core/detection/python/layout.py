"""Where imports of a repository start."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.python.syntax import imported_from
from pushpaka_core.detection.tree import FileTree

ABOVE = ".."
"""The root of imports where the application's own directory is a package."""
_PROGRAM = "manage.py"
_DEEPEST = 5


@frozen(kw_only=True)
class Layout:
    """The directories of a repository, as far as imports depend on them."""

    names: Mapping[str, frozenset[str]]
    """The importable names in each directory; "." is the top."""
    roots: frozenset[str]
    """Directories from which a program of Django's is run."""
    own_name: str
    """The name of the application's own directory; empty where it is the repository itself."""

    @classmethod
    def of(cls, tree: FileTree, directory: str) -> "Layout":
        """Look at all paths of *tree*, which lies in *directory* of the repository."""
        found: dict[str, set[str]] = {}
        roots: set[str] = set()
        for path in tree.paths():
            if path.endswith(".py"):
                for parent, name in _steps(path):
                    found.setdefault(parent, set()).add(name)
            if path.endswith(f"/{_PROGRAM}"):
                roots.add(path.removesuffix(f"/{_PROGRAM}"))
        names = {parent: frozenset(inner) for parent, inner in found.items()}
        own_name = PurePosixPath(directory).name
        return cls(names=names, roots=frozenset(roots), own_name=own_name)

    def root_of(self, path: str, nodes: Iterable[ast.AST]) -> str:
        """Return the directory from which most of the file's own imports make sense."""
        if around := [root for root in self.roots if path.startswith(f"{root}/")]:
            return max(around, key=len)
        absolute, relative = imported_from(nodes)
        if any(map(self._is_from_above, absolute)):
            return ABOVE
        own = {name.partition(".")[0] for name in absolute} - sys.stdlib_module_names
        parents = [directory for directory, _ in _steps(path)]
        possible = parents[: max(1, len(parents) - max(relative, default=0))]
        return max(
            possible,
            key=lambda root: (
                len(own & self.names[root]),
                root == self._usual(parents),
                -len(root),
            ),
        )

    def _is_from_above(self, name: str) -> bool:
        """Tell whether an import means the application's directory, and not a library's name."""
        first, _, rest = name.partition(".")
        is_own = first == self.own_name and first not in self.names["."]
        return is_own and rest.partition(".")[0] in self.names["."]

    def _usual(self, parents: list[str]) -> str:
        is_source = "src" in parents and "__init__" not in self.names["src"]
        return "src" if is_source else "."


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Yield each directory that *path* leads through, with the next name in it."""
    *directories, file = path.split("/")
    for depth, name in enumerate((*directories, file.removesuffix(".py"))[: _DEEPEST + 1]):
        yield "/".join(directories[:depth]) or ".", name
