"""The protocol between the platform and the shim: messages on the socket, and files."""

from __future__ import annotations

import json
import os
import struct
from contextlib import suppress

TYPE_CHECKING = False  # The module `typing` is slow to import.
if TYPE_CHECKING:
    from typing import TypedDict

    class SpawnRequest(TypedDict):
        """A request to start a program. The bytes for its standard input follow on the socket."""

        name: str
        argv: list[str]
        directory: str
        env: dict[str, str]
        uid: int | None
        private_tmp: str | None
        """The directory to mount as /tmp and /var/tmp, for a program that runs as another user."""
        limits: dict[str, int]
        """Resource limits by name in the module `resource`, for example "RLIMIT_NOFILE"."""
        niceness: int
        """The value to add to the niceness of the program. A nicer program gets less CPU time."""
        groups: dict[str, dict[str, str]]
        """The control groups to create: for each directory, the values to write to its files."""
        state: str | None
        """
        The state directory of a launched program, or None for a program that is tied to the
        platform.
        """

    class Report(TypedDict, total=False):
        """
        The result of a request.

        Contains exactly one of `code`, `signal`, `pid`, `error` and `taken`. `taken` means that the
        state directory already belongs to a launched program. If the kernel killed a process that
        exceeded its memory limit, the report also contains `memory_limit`, in bytes.
        """

        code: int
        signal: int
        memory_limit: int
        pid: int
        error: str
        taken: bool

    class Identity(TypedDict):
        """Identifies a process during this boot. A process id alone may be reused."""

        pid: int
        started: int

    class Record(TypedDict):
        """The description of a launched program, written before it executes."""

        name: str
        boot: str
        started_at: float
        shim: Identity
        program: Identity
        groups: list[str]


REQUEST_HEADER = struct.Struct("!II")
"""The header of a request: the sizes of its JSON text and of the standard input, in bytes."""
FRAME_HEADER = struct.Struct("!BdI")
"""The header of each piece of output in a file: descriptor, Unix time, size in bytes."""
LOSS_FLAG = 0x80
"""A bit of the descriptor that is set if output before this piece was lost."""

READ_SIZE = 16 * 1024
MAX_FILE_SIZE = 2 * 1024 * 1024
MAX_KEPT_SIZE = 20 * 1024 * 1024

RECORD_FILE = "record.json"
EXIT_FILE = "exit.json"
LOCK_FILE = "lock"
OUTPUT_PREFIX = "output."


def write_atomically(path: str, content: Record | Report) -> None:
    """Write JSON atomically: a reader sees the whole content or no file."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        json.dump(content, file)
    os.replace(beside, path)  # noqa: PTH105


def fsync_file(path: str) -> None:
    """Flush a file to disk, so that it survives a power failure. Errors are ignored."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
