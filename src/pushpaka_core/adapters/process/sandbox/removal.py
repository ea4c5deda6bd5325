"""Removes directory trees that untrusted programs have written."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from pushpaka_core.host.untrusted_files import OPEN_DIRECTORY

_MAX_LEVELS = 100_000


def remove_tree(root: Path) -> None:
    """
    Remove *root*, including unreadable and arbitrarily deep directories. Idempotent.

    Safe to call concurrently, and as root while programs of the project still run: files are only
    accessed relative to open directories, and a directory is taken from its owner before it is
    emptied.
    """
    try:
        _make_accessible(str(root), None)
        top = os.open(root, OPEN_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _remove_contents(top)
    finally:
        os.close(top)
    with suppress(FileNotFoundError):
        root.rmdir()


def _remove_contents(top: int) -> None:
    """
    Remove the contents level by level: directories of the second level move up to the first.

    This needs neither recursion nor long paths.
    """
    _take_ownership(top)
    for _ in range(_MAX_LEVELS):
        names = _unlink_files(top)
        if not names:
            return
        for name in names:
            with suppress(FileNotFoundError):
                _flatten(name, top)


def _flatten(name: str, top: int) -> None:
    """Remove the directory *name* in *top*, after moving its subdirectories to *top*."""
    inner = os.open(name, OPEN_DIRECTORY, dir_fd=top)
    try:
        _take_ownership(inner)
        for child in _unlink_files(inner):
            with suppress(FileNotFoundError):
                os.rename(child, token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _take_ownership(directory: int) -> None:
    """
    If this process runs as root, make root the owner of *directory*, so that its previous owner
    cannot add files.
    """
    if os.geteuid() == 0:
        os.fchown(directory, 0, 0)
        os.fchmod(directory, stat.S_IRWXU)


def _unlink_files(directory: int) -> list[str]:
    """
    Delete everything except directories, which are made accessible. Return
    the directories' names.
    """
    with os.scandir(directory) as scanned:
        entries = list(scanned)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=directory)
    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for name in names:
        with suppress(FileNotFoundError):
            _make_accessible(name, directory)
    return names


def _make_accessible(name: str, directory: int | None) -> None:
    """
    Make a directory of this process's user accessible.

    Root needs no permission, and must not follow a link here.
    """
    if os.geteuid() != 0:
        os.chmod(name, stat.S_IRWXU, dir_fd=directory)
