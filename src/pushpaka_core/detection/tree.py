"""The files of a repository as detection sees them."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from attrs import field, frozen


class FileTree(Protocol):
    """
    The regular files of a repository, or of a directory in it.

    Paths are relative and written with "/". Symbolic links, and names that are
    not printable text, are not in it.
    """

    def paths(self) -> Sequence[str]:
        """Return all paths in a fixed order."""
        ...

    def exists(self, path: str, /) -> bool:
        """Tell whether there is a regular file at *path*."""
        ...

    def read(self, path: str, /) -> str | None:
        """Return the text of *path*, or None where there is no file or it is over 1 MiB."""
        ...


@frozen
class MemoryTree:
    """A tree given by its texts, for tests and for programs that make their files up."""

    _files: Mapping[str, str] = field(factory=dict)

    def paths(self) -> Sequence[str]:
        """Return all paths, sorted."""
        return sorted(self._files)

    def exists(self, path: str, /) -> bool:
        """Tell whether *path* was given."""
        return path in self._files

    def read(self, path: str, /) -> str | None:
        """Return the text given for *path*."""
        return self._files.get(path)


@frozen
class Subtree:
    """What lies below one directory of another tree."""

    _tree: FileTree
    _directory: str

    def paths(self) -> Sequence[str]:
        """Return the paths below the directory, relative to it."""
        prefix = f"{self._directory}/"
        inner = (path for path in self._tree.paths() if path.startswith(prefix))
        return [path.removeprefix(prefix) for path in inner]

    def exists(self, path: str, /) -> bool:
        """Tell whether there is a regular file at *path* below the directory."""
        return self._tree.exists(f"{self._directory}/{path}")

    def read(self, path: str, /) -> str | None:
        """Return the text of *path* below the directory."""
        return self._tree.read(f"{self._directory}/{path}")


def below(tree: FileTree, directory: str) -> FileTree:
    """Return the files below *directory*, an inner path; "" and "." are the tree itself."""
    inner = str(PurePosixPath(directory))
    return tree if inner == "." else Subtree(tree, inner)
