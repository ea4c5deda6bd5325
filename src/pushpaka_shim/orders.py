"""What the platform and the shim say to each other, by socket and by files."""

from __future__ import annotations

import json
import os
import struct

TYPE_CHECKING = False  # The module `typing` is slow to import.
if TYPE_CHECKING:
    from typing import TypedDict

    class Order(TypedDict):
        """What is to be started; the bytes for its standard input follow behind."""

        name: str
        argv: list[str]
        directory: str
        env: dict[str, str]
        uid: int | None
        limits: dict[str, int]
        """By the names that the module `resource` has for them."""
        groups: dict[str, dict[str, str]]
        """The directories of control groups to make around it, and what goes into their files."""
        state: str | None
        """The directory of a launched program, or None for one that is run."""

    class Report(TypedDict, total=False):
        """What came of an order: exactly one of these; a broken limit comes with an end."""

        code: int
        signal: int
        memory_limit: int
        pid: int
        error: str
        taken: bool

    class Identity(TypedDict):
        """A process for as long as this kernel runs: a process id alone may be used again."""

        pid: int
        started: int

    class Record(TypedDict):
        """What is written down of a launched program before its first instruction."""

        name: str
        boot: str
        started_at: float
        shim: Identity
        program: Identity
        groups: list[str]


SIZES = struct.Struct("!II")
"""Precedes an order: the length of its JSON, and of the standard input behind it."""
FRAME = struct.Struct("!BdI")
"""Precedes each piece of output in a file: descriptor, time, length."""
AFTER_LOSS = 0x80
"""Beside the descriptor: what was written before could not be kept."""

PIECE = 16 * 1024
SEGMENT = 2 * 1024 * 1024
KEPT = 20 * 1024 * 1024

RECORD = "record.json"
EXIT = "exit.json"
LOCK = "lock"
OUTPUT = "output."


def write_whole(path: str, content: Record | Report) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        json.dump(content, file)
    os.replace(beside, path)  # noqa: PTH105
