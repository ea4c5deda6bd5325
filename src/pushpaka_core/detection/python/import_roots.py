"""Finds the import roots of a repository."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.python.syntax import imported_from
from pushpaka_core.detection.tree import FileTree

PARENT_ROOT = ".."
"""The import root of an application whose own directory is a package."""
_PROGRAM = "manage.py"
_MAX_DEPTH = 5


@frozen(kw_only=True)
class ImportLayout:
    """The directories of a repository that imports depend on."""

    names: Mapping[str, frozenset[str]]
    """The importable names in each directory. "." is the top directory."""
    roots: frozenset[str]
    """Directories with a manage.py, which Django adds to the import path."""
    own_name: str
    """The name of the application directory. Empty if it is the repository root."""

    @classmethod
    def scan(cls, tree: FileTree, directory: str) -> "ImportLayout":
        """Scan the paths of *tree*, which is located in *directory* of the repository."""
        found: dict[str, set[str]] = {}
        roots: set[str] = set()
        for path in tree.paths():
            if path.endswith(".py"):
                for parent, name in _path_steps(path):
                    found.setdefault(parent, set()).add(name)
            if path.endswith(f"/{_PROGRAM}"):
                roots.add(path.removesuffix(f"/{_PROGRAM}"))
        names = {parent: frozenset(inner) for parent, inner in found.items()}
        own_name = PurePosixPath(directory).name
        return cls(names=names, roots=frozenset(roots), own_name=own_name)

    def root_of(self, path: str, nodes: Iterable[ast.AST]) -> str:
        """
        Return the directory from which most imports of a file can be resolved.

        *nodes* are the syntax nodes of the file at *path*.
        """
        if around := [root for root in self.roots if path.startswith(f"{root}/")]:
            return max(around, key=len)
        absolute, relative = imported_from(nodes)
        if any(map(self._is_own_package, absolute)):
            return PARENT_ROOT
        own = {name.partition(".")[0] for name in absolute} - sys.stdlib_module_names
        parents = [directory for directory, _ in _path_steps(path)]
        possible = parents[: max(1, len(parents) - max(relative, default=0))]
        return max(
            possible,
            key=lambda root: (
                len(own & self.names[root]),
                root == self._default_root(parents),
                -len(root),
            ),
        )

    def _is_own_package(self, name: str) -> bool:
        """
        Return True if an import refers to the application directory as a package.

        A library of the same name is ruled out, because the imported submodule exists here.
        """
        first, _, rest = name.partition(".")
        is_own = first == self.own_name and first not in self.names["."]
        return is_own and rest.partition(".")[0] in self.names["."]

    def _default_root(self, parents: list[str]) -> str:
        is_source = "src" in parents and "__init__" not in self.names["src"]
        return "src" if is_source else "."


def _path_steps(path: str) -> Iterator[tuple[str, str]]:
    """Yield each directory on *path*, with the name of its child that is also on *path*."""
    *directories, file = path.split("/")
    for depth, name in enumerate((*directories, file.removesuffix(".py"))[: _MAX_DEPTH + 1]):
        yield "/".join(directories[:depth]) or ".", name
