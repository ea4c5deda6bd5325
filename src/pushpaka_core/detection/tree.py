"""Read access to the files of a repository."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from attrs import field, frozen


class FileTree(Protocol):
    """
    The regular files of a repository or of a directory in it.

    Paths are relative and use "/". Symbolic links and files with unprintable characters in their
    names are not included.
    """

    def paths(self) -> Sequence[str]:
        """Return all paths in a stable order."""
        ...

    def exists(self, path: str, /) -> bool:
        """Return True if *path* is a regular file."""
        ...

    def read(self, path: str, /) -> str | None:
        """Return the text of *path*, or None if it does not exist or is larger than 1 MiB."""
        ...


@frozen
class MemoryTree:
    """A tree of texts in memory, for tests and for programs that generate their files."""

    _files: Mapping[str, str] = field(factory=dict)

    def paths(self) -> Sequence[str]:
        """Return all paths, sorted."""
        return sorted(self._files)

    def exists(self, path: str, /) -> bool:
        """Return True if the tree has *path*."""
        return path in self._files

    def read(self, path: str, /) -> str | None:
        """Return the text of *path*, or None."""
        return self._files.get(path)


@frozen
class Subtree:
    """The files below one directory of another tree."""

    _tree: FileTree
    _directory: str

    def paths(self) -> Sequence[str]:
        """Return the paths below the directory, relative to it."""
        prefix = f"{self._directory}/"
        inner = (path for path in self._tree.paths() if path.startswith(prefix))
        return [path.removeprefix(prefix) for path in inner]

    def exists(self, path: str, /) -> bool:
        """Return True if *path*, relative to the directory, is a regular file."""
        return self._tree.exists(f"{self._directory}/{path}")

    def read(self, path: str, /) -> str | None:
        """Return the text of *path*, relative to the directory, or None."""
        return self._tree.read(f"{self._directory}/{path}")


def subtree(tree: FileTree, directory: str) -> FileTree:
    """Return the files below *directory*. An empty string and "." return *tree* itself."""
    inner = str(PurePosixPath(directory))
    return tree if inner == "." else Subtree(tree, inner)
