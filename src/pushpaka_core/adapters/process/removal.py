"""Removes what programs of a project have made, however they have made it."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LEVELS = 100_000


def remove_tree(root: Path) -> None:
    """
    Remove *root*, closed and endlessly nested directories in it included.

    Harmless to repeat, at the same time too: what somebody else has removed is gone.

    Root does this where a project's programs may still write: nothing is reached
    by a path that they could bend, and what is being emptied is theirs no more.
    """
    try:
        _open_up(str(root), None)
        top = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    with suppress(FileNotFoundError):
        root.rmdir()


def _empty(top: int) -> None:
    """Remove level after level: the directories of the second become ones of the first."""
    _claim(top)
    for _ in range(_MOST_LEVELS):
        names = _unlink_files(top)
        if not names:
            return
        for name in names:
            with suppress(FileNotFoundError):
                _dissolve(name, top)


def _dissolve(name: str, top: int) -> None:
    """Remove the directory *name* of *top*; those in it move up."""
    inner = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        _claim(inner)
        for child in _unlink_files(inner):
            with suppress(FileNotFoundError):
                os.rename(child, token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _claim(directory: int) -> None:
    """Keep the owner of *directory* from putting anything more into it."""
    if os.geteuid() == 0:
        os.fchown(directory, 0, 0)
        os.fchmod(directory, stat.S_IRWXU)


def _unlink_files(directory: int) -> list[str]:
    """Remove all that is no directory, and return the directories that are left, opened up."""
    with os.scandir(directory) as scanned:
        entries = list(scanned)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=directory)
    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for name in names:
        with suppress(FileNotFoundError):
            _open_up(name, directory)
    return names


def _open_up(name: str, directory: int | None) -> None:
    """Let us into a directory of our own; root needs no permission, and must not follow a link."""
    if os.geteuid() != 0:
        os.chmod(name, stat.S_IRWXU, dir_fd=directory)
