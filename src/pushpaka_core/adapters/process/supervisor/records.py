"""Reads the records that shims write about launched programs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from errno import EAGAIN, EMFILE, ENFILE, ENOMEM
from pathlib import Path
from typing import TYPE_CHECKING, cast

from attrs import frozen

from pushpaka_core.adapters.process.supervisor.process_table import is_running
from pushpaka_core.host.state_files import quarantine
from pushpaka_core.ports.processes import Exit, LaunchedProcess
from pushpaka_shim.protocol import EXIT_FILE, LOCK_FILE, RECORD_FILE, write_atomically
from pushpaka_shim.syscalls import boot_id

if TYPE_CHECKING:
    from pushpaka_shim.protocol import Record

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHORTAGE_ERRORS = frozenset({EAGAIN, EMFILE, ENFILE, ENOMEM})
"""Errors caused by a lack of memory or file descriptors: the file itself is intact."""
_KILLED_WITH_SHIM = Exit(signal=9)
"""The exit of a program that was killed together with its shim."""
_HOST_SHUT_DOWN = Exit()
"""The exit of a program that was stopped by a shutdown of the host."""


@frozen
class ProcessRecords:
    """
    Reads the state directory, which has a subdirectory for each launched program.

    Damaged files are moved aside, with a warning in the log.
    """

    _root: Path

    def directory(self, name: str) -> Path:
        """
        Return the directory of *name*, which need not exist.

        Raises:
            ValueError: If *name* is not a valid process name.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a valid process name. Use letters, digits, '.', '_' and '-'."
            )
        return self._root / name

    def create_directory(self, name: str) -> Path:
        """Create the directory of *name*, private to the platform's user, and return it."""
        self._create(self._root)
        directory = self.directory(name)
        self._create(directory)
        if (lock := directory / LOCK_FILE).is_dir():
            self._move_aside(lock, "a directory instead of a file")
        return directory

    def instance(self) -> str:
        """
        Return the id with which all processes started from this data directory are marked.

        The id is derived from the inode of the data directory, which is the parent of the state
        directory. It stays the same when the state directory is deleted.
        """
        self._create(self._root)
        status = self._root.parent.stat()
        return f"{status.st_dev:x}-{status.st_ino:x}"

    def record(self, name: str) -> Record | None:
        """Return the launch record of *name*, or None if it is missing or damaged."""
        match self._read(self.directory(name) / RECORD_FILE):
            case {
                "name": str(),
                "boot": str(),
                "started_at": int() | float(),
                "shim": {"pid": int(), "started": int()},
                "program": {"pid": int(), "started": int()},
                "groups": [*_],
            } as record:
                return cast("Record", record)
            case None:
                return None
        self._move_aside(self.directory(name) / RECORD_FILE, "not a launch record")
        return None

    def write(self, record: Record) -> None:
        """Write a record for a running program whose record was lost."""
        write_atomically(str(self.create_directory(record["name"]) / RECORD_FILE), record)

    def current(self, name: str) -> Record | None:
        """Return the record of *name* if it was written since the last boot, else None."""
        record = self.record(name)
        return record if record and is_from_this_boot(record) else None

    def exit(self, name: str) -> Exit | None:
        """Return how *name* ended, or None if its process tree may still be running."""
        match self._read(self.directory(name) / EXIT_FILE):
            case {"code": int(code), **rest}:
                return Exit(code=code, memory_limit=_memory_limit(rest))
            case {"signal": int(number), **rest}:
                return Exit(signal=number, memory_limit=_memory_limit(rest))
            case None:
                return None
        self._move_aside(self.directory(name) / EXIT_FILE, "not an exit record")
        return None

    def inspect(self, name: str) -> LaunchedProcess | None:
        """Return the state of the process *name*, or None if it has no record."""
        record = self.record(name)
        if record is None:
            return None
        pid, shim_lives = (
            running_pid(record),
            is_from_this_boot(record) and is_running(record["shim"]),
        )
        # Read the exit after looking for the shim, which writes it before it ends.
        ending = self.exit(name)
        if ending is None and pid is None and not shim_lives:
            ending = _KILLED_WITH_SHIM if is_from_this_boot(record) else _HOST_SHUT_DOWN
        return LaunchedProcess(
            name=name,
            pid=None if ending else pid,
            started_at=datetime.fromtimestamp(record["started_at"], UTC),
            exit=ending,
        )

    def inspect_all(self) -> Sequence[LaunchedProcess]:
        """Return all launched programs that have not been removed."""
        with suppress(FileNotFoundError, NotADirectoryError):
            names = sorted(path.name for path in self._root.iterdir() if path.is_dir())
            valid = filter(_NAME.fullmatch, names)
            return [process for name in valid if (process := self.inspect(name))]
        return []

    def delete(self, name: str) -> None:
        """
        Delete the directory of *name*. The record is deleted first, in case
        of an interruption.
        """
        directory = self.directory(name)
        with suppress(OSError):
            (directory / RECORD_FILE).unlink()
        shutil.rmtree(directory, ignore_errors=True)

    def _create(self, directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            self._move_aside(directory, "a file instead of a directory")
            directory.mkdir(mode=0o700, exist_ok=True)

    def _read(self, path: Path) -> object:
        """Return the JSON in *path*, or None. A file that is not JSON is moved aside."""
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            for directory in (self._root, path.parent):
                if directory.is_file():
                    self._move_aside(directory, "a file instead of a directory")
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _SHORTAGE_ERRORS:
                raise
            self._move_aside(path, str(error))
        return None

    def _move_aside(self, path: Path, reason: str) -> None:
        quarantine(path, self._root.parent, reason=reason)


def is_from_this_boot(record: Record) -> bool:
    """Return True if *record* was written since the last boot; older process ids are invalid."""
    return record["boot"] == boot_id()


def running_pid(record: Record) -> int | None:
    """Return the process id of the program if it is running, else None."""
    alive = is_from_this_boot(record) and is_running(record["program"])
    return record["program"]["pid"] if alive else None


def _memory_limit(record: Mapping[object, object]) -> int | None:
    match record:
        case {"memory_limit": int(limit)}:
            return limit
    return None
