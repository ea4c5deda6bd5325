"""The files of a repository as detection sees them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import field, frozen


class FileTree(Protocol):
    """
    The regular files below the application's directory.

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
