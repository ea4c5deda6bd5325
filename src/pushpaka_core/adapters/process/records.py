"""What the shims have written down of the programs that they were given to launch."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pushpaka_core.adapters.process.process_table import lives
from pushpaka_core.ports.processes import Exit, LaunchedProcess
from pushpaka_shim.kernel import boot_id
from pushpaka_shim.orders import EXIT, RECORD

if TYPE_CHECKING:
    from pushpaka_shim.orders import Record

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_LOST = Exit(signal=9)
"""What is said of a program that was killed with its shim."""
_SWITCHED_OFF = Exit()
"""What is said of a program that the host took along when it went down."""


@frozen
class Records:
    """Reads the directory that has a directory for each launched program."""

    _root: Path

    def directory(self, name: str) -> Path:
        """Return the directory of *name*, whether or not there is one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a process: letters, digits and ._- are.")
        return self._root / name

    def make(self, name: str) -> Path:
        """Return the directory of *name*, made so that no other user can look into it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = self.directory(name)
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory

    def instance(self) -> str:
        """Return what tells the processes of this directory from those of any other."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._root.stat()
        return f"{status.st_dev:x}-{status.st_ino:x}"

    def record(self, name: str) -> Record | None:
        """Return what was written when *name* was launched."""
        record: Record | None = _read(self.directory(name) / RECORD)
        return record

    def current(self, name: str) -> Record | None:
        """Return the record of *name* if its numbers mean something since the last boot."""
        record = self.record(name)
        return record if record and is_current(record) else None

    def exit(self, name: str) -> Exit | None:
        """Return what was written when *name* had ended and nothing of it was left."""
        written = _read(self.directory(name) / EXIT)
        return None if written is None else Exit(**written)

    def inspect(self, name: str) -> LaunchedProcess | None:
        """Compare what is written of *name* with what lives."""
        record = self.record(name)
        if record is None:
            return None
        pid, shim_lives = living_pid(record), is_current(record) and lives(record["shim"])
        # In this order: a shim writes the exit before it is gone.
        ending = self.exit(name)
        if ending is None and pid is None and not shim_lives:
            ending = _LOST if is_current(record) else _SWITCHED_OFF
        return LaunchedProcess(
            name=name,
            pid=None if ending else pid,
            started_at=datetime.fromtimestamp(record["started_at"], UTC),
            exit=ending,
        )

    def all(self) -> Sequence[LaunchedProcess]:
        """Return everything that is launched and not forgotten."""
        with suppress(FileNotFoundError):
            names = sorted(path.name for path in self._root.iterdir() if path.is_dir())
            valid = filter(_NAME.fullmatch, names)
            return [process for name in valid if (process := self.inspect(name))]
        return []

    def drop(self, name: str) -> None:
        """Remove the directory of *name*, what makes it known first."""
        directory = self.directory(name)
        (directory / RECORD).unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)


def is_current(record: Record) -> bool:
    """Tell whether *record* was written since the last boot; an older one's numbers are void."""
    return record["boot"] == boot_id()


def living_pid(record: Record) -> int | None:
    """Return the process id of the program, if it lives."""
    alive = is_current(record) and lives(record["program"])
    return record["program"]["pid"] if alive else None


def _read(path: Path) -> Any:
    """Return the JSON in *path*; a file that a power failure emptied is as good as none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return json.loads(text) if text else None
