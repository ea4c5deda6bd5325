"""A checked-out directory for detection. No link is followed out of the repository."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import SourceError
from pushpaka_core.host.untrusted_files import OPEN_DIRECTORY, OPEN_FILE

_MAX_ENTRIES = 200_000
_MAX_DEPTH = 64
_MAX_BYTES = 1024 * 1024
_ENCODINGS_BY_BOM = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def load_tree(directory: Path, root_dir: str) -> FileTree:
    """
    Return the files of a repository. Blocks, as do the methods of the result.

    The files are listed immediately and read on demand.

    Args:
        directory: The checked-out repository.
        root_dir: The application's directory in the repository, which must exist. Files outside
            this directory are also returned.

    Raises:
        SourceError: If *root_dir* is not a directory of the repository or contains a link, or if
            there are too many files.
    """
    with _open_root(directory, _inner_parts(root_dir), root_dir):
        pass
    with _open_directory(directory, ()) as descriptor:
        paths = tuple(sorted(_list_files(descriptor)))
    return DirectoryTree(directory=directory, paths=paths, files=frozenset(paths))


def tree_of(directory: Path, paths: Iterable[str]) -> FileTree:
    """Return a tree of those *paths* that are regular files in *directory*. Blocks."""
    regular = {path for path in paths if path.isprintable() and _is_file(directory / path)}
    kept = tuple(sorted(regular))
    return DirectoryTree(directory=directory, paths=kept, files=frozenset(kept))


@frozen(kw_only=True)
class DirectoryTree:
    """The regular files below a directory."""

    _directory: Path
    _paths: tuple[str, ...] = field(repr=False)
    _files: frozenset[str] = field(repr=False)

    def paths(self) -> Sequence[str]:
        """Return all paths, sorted."""
        return self._paths

    def exists(self, path: str, /) -> bool:
        """Return True if *path* is a regular file of the tree."""
        return path in self._files

    def read(self, path: str, /) -> str | None:
        """
        Return the text of *path*, or None if it is not a regular file of at most 1 MiB.

        Invalid UTF-8 is replaced.
        """
        if path not in self._files:
            return None
        *directories, name = PurePosixPath(path).parts
        with suppress(OSError), _open_directory(self._directory, directories) as parent:
            data = _read_regular_file(parent, name)
            return None if data is None else _decoded(data)
        return None


def _inner_parts(root_dir: str) -> tuple[str, ...]:
    path = PurePosixPath(root_dir.strip() or ".")
    if path.is_absolute() or ".." in path.parts or "\0" in root_dir:
        raise SourceError(
            f"root_dir {root_dir!r} points outside the repository. Choose a directory inside it."
        )
    return path.parts


@contextmanager
def _open_root(directory: Path, parts: tuple[str, ...], root_dir: str) -> Iterator[int]:
    try:
        with _open_directory(directory, parts) as descriptor:
            yield descriptor
    except FileNotFoundError:
        raise SourceError(
            f"root_dir {root_dir!r} does not exist in the repository. Check its spelling."
        ) from None
    except OSError as error:
        raise _root_dir_error(directory, parts, root_dir, error) from error


def _root_dir_error(
    directory: Path, parts: tuple[str, ...], root_dir: str, error: OSError
) -> SourceError:
    if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
        return SourceError(
            f"root_dir {root_dir!r} cannot be read: {error.strerror}. Choose a different directory "
            "in the repository."
        )
    steps = (directory.joinpath(*parts[: end + 1]) for end in range(len(parts)))
    if any(step.is_symlink() for step in steps):
        return SourceError(
            f"root_dir {root_dir!r} is or contains a symbolic link, which could point outside the"
            " repository. Use the path of the directory itself."
        )
    return SourceError(f"root_dir {root_dir!r} is a file. Choose a directory in the repository.")


@contextmanager
def _open_directory(directory: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open the directory at *parts* component by component, without following links."""
    descriptor = os.open(directory, OPEN_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, OPEN_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _list_files(descriptor: int) -> Iterator[str]:
    seen = 0
    for place, directories, names, current in os.fwalk(".", dir_fd=descriptor):
        is_deep = place.count("/") >= _MAX_DEPTH
        directories[:] = [name for name in directories if name != ".git" and not is_deep]
        seen += len(directories) + len(names)
        if seen > _MAX_ENTRIES:
            raise SourceError(
                f"The repository contains more than {_MAX_ENTRIES:,} files. Remove generated"
                " files, for example node_modules."
            )
        prefix = place.removeprefix(".").removeprefix("/")
        regular = (name for name in names if _is_regular(name, current))
        paths = (f"{prefix}/{name}" if prefix else name for name in regular)
        yield from (path for path in paths if path.isprintable())


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_regular(name: str, descriptor: int) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
    return False


def _read_regular_file(parent: int, name: str) -> bytes | None:
    descriptor = os.open(name, OPEN_FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MAX_BYTES:
            return None
        return file.read(_MAX_BYTES)


def _decoded(data: bytes) -> str:
    encoding = _ENCODINGS_BY_BOM.get(data[:2], "utf-8-sig")
    return data.decode(encoding, errors="replace")
