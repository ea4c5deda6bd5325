"""Home and temporary directories of instances."""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.sandbox.permissions import make_private, make_traversable
from pushpaka_core.adapters.process.sandbox.removal import remove_tree


@frozen
class HomeDirectories:
    """
    Manages one directory per instance, and next to it a marker file with the instance's name.

    The marker is created before the directory and removed after it, so that the directory is found
    again if a start is killed halfway.
    """

    _parent: Path

    def create_marker(self, name: str) -> Path:
        """Create the marker of an instance and return the path for its directory."""
        with translate_os_errors("The start"):
            self._parent.mkdir(parents=True, exist_ok=True)
            (self._parent / name).touch(mode=0o600)
        return self._parent / directory_name(name)

    def marker_times(self) -> Mapping[str, datetime]:
        """Return the creation time of each instance's marker, by instance name."""
        found: dict[str, datetime] = {}
        for note in self._parent.glob("*.*"):
            with suppress(FileNotFoundError):
                found[note.name] = datetime.fromtimestamp(note.stat().st_mtime, UTC)
        return found

    def owner_of(self, name: str) -> int | None:
        """
        Return the owner of an instance's directories. None stands for the platform's own user, and
        for missing directories.
        """
        with suppress(OSError):
            uid = (self._parent / directory_name(name) / "tmp").lstat().st_uid
            return None if uid == os.geteuid() else uid
        return None

    def remove(self, name: str) -> None:
        """Remove the directories and the marker of an instance. Idempotent."""
        remove_tree(self._parent / directory_name(name))
        note = self._parent / name
        if note.is_dir():
            remove_tree(note)
        note.unlink(missing_ok=True)


def directory_name(name: str) -> str:
    """
    Return the directory name for the instance *name*.

    It is short because applications create Unix sockets there, whose paths are limited to 107
    bytes.
    """
    return name.rpartition(".")[2]


def create_home(directory: Path, uid: int | None) -> None:
    """Create *directory* with the subdirectories `home` and `tmp`, private to *uid*."""
    make_traversable(directory)
    for inner in ("home", "tmp"):
        make_private(directory / inner, uid)
