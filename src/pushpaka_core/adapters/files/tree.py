"""A checked-out directory as detection may see it: no link is followed, nothing outside is read."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import SourceError

_MOST_ENTRIES = 200_000
_DEEPEST = 64
_MOST_BYTES = 1024 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def load_tree(directory: Path, root_dir: str) -> FileTree:
    """
    Return the files of a repository; call it, and what it returns, in a thread.

    Files are listed at once and read when they are asked for.

    Raises:
        SourceError: If *root_dir*, where the application lies, is no directory of the
            repository or leads through a link, or if there are too many files.
    """
    with _opened_root(directory, _inner_parts(root_dir), root_dir):
        pass
    with _opened(directory, ()) as descriptor:
        paths = tuple(sorted(_listed(descriptor)))
    return DirectoryTree(directory=directory, paths=paths, files=frozenset(paths))


def tree_of(directory: Path, paths: Iterable[str]) -> FileTree:
    """Return those of *paths* that are files of *directory*; call it in a thread."""
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
        """Tell whether *path* was there as a regular file."""
        return path in self._files

    def read(self, path: str, /) -> str | None:
        """Return the text of *path*; what is not UTF-8 in it is replaced."""
        if path not in self._files:
            return None
        *directories, name = PurePosixPath(path).parts
        with suppress(OSError), _opened(self._directory, directories) as parent:
            data = _read_regular(parent, name)
            return None if data is None else _decoded(data)
        return None


def _inner_parts(root_dir: str) -> tuple[str, ...]:
    path = PurePosixPath(root_dir.strip() or ".")
    if path.is_absolute() or ".." in path.parts or "\0" in root_dir:
        raise SourceError(
            f"root_dir {root_dir!r} leads outside repository. Name a directory inside it."
        )
    return path.parts


@contextmanager
def _opened_root(directory: Path, parts: tuple[str, ...], root_dir: str) -> Iterator[int]:
    try:
        with _opened(directory, parts) as descriptor:
            yield descriptor
    except FileNotFoundError:
        raise SourceError(
            f"root_dir {root_dir!r} does not exist in the repository. Check its spelling."
        ) from None
    except OSError as error:
        raise _no_directory(directory, parts, root_dir, error) from error


def _no_directory(
    directory: Path, parts: tuple[str, ...], root_dir: str, error: OSError
) -> SourceError:
    if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
        return SourceError(f"root_dir {root_dir!r} cannot be read: {error.strerror}.")
    steps = (directory.joinpath(*parts[: end + 1]) for end in range(len(parts)))
    if any(step.is_symlink() for step in steps):
        return SourceError(
            f"root_dir {root_dir!r} is or leads through a symbolic link, which may lead outside"
            " repository. Name the directory itself."
        )
    return SourceError(f"root_dir {root_dir!r} is a file. Name a directory of the repository.")


@contextmanager
def _opened(directory: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open the directory that *parts* lead to, step by step, so that no step can be a link."""
    descriptor = os.open(directory, _DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _listed(descriptor: int) -> Iterator[str]:
    seen = 0
    for place, directories, names, current in os.fwalk(".", dir_fd=descriptor):
        is_deep = place.count("/") >= _DEEPEST
        directories[:] = [name for name in directories if name != ".git" and not is_deep]
        seen += len(directories) + len(names)
        if seen > _MOST_ENTRIES:
            raise SourceError(
                f"The repository holds more than {_MOST_ENTRIES:,} files. Remove what is made by"
                " tools (as node_modules) from it."
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


def _read_regular(parent: int, name: str) -> bytes | None:
    descriptor = os.open(name, _FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
            return None
        return file.read(_MOST_BYTES)


def _decoded(data: bytes) -> str:
    encoding = _BYTE_ORDER_MARKS.get(data[:2], "utf-8-sig")
    return data.decode(encoding, errors="replace")
