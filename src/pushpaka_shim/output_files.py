"""Keeps the newest of what a program writes, in frames, in numbered files."""

# ruff: noqa: PTH108
from __future__ import annotations

import os
import time

from pushpaka_shim.orders import FRAME, KEPT, OUTPUT, SEGMENT


class OutputFiles:
    """Appends to the newest file, begins another when it is long, and drops the oldest."""

    def __init__(self, directory: str) -> None:
        """Begin the first file in *directory*."""
        self.directory = directory
        self._sizes: dict[int, int] = {}
        self._number = 0
        self._file = self._begin()

    def append(self, descriptor: int, data: bytes) -> None:
        """Add a piece. On a full disk it is lost, and the program goes on."""
        frame = FRAME.pack(descriptor, time.time(), len(data)) + data
        size = self._sizes[self._number]
        if not self._write(frame):
            os.ftruncate(self._file, size)
            return
        self._sizes[self._number] = size + len(frame)
        if self._sizes[self._number] >= SEGMENT:
            os.close(self._file)
            self._file = self._begin()
            self._drop_oldest()

    def _write(self, frame: bytes) -> bool:
        try:
            return os.write(self._file, frame) == len(frame)
        except OSError:
            return False

    def _begin(self) -> int:
        self._number += 1
        self._sizes[self._number] = 0
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        return os.open(self._path(self._number), flags, 0o600)

    def _drop_oldest(self) -> None:
        oldest = min(self._sizes)
        if sum(self._sizes.values()) - self._sizes[oldest] >= KEPT:
            del self._sizes[oldest]
            os.unlink(self._path(oldest))

    def _path(self, number: int) -> str:
        return f"{self.directory}/{OUTPUT}{number:010d}"
