"""Keeps the newest of what a program writes, in frames, in numbered files."""

# ruff: noqa: PTH108
from __future__ import annotations

import os
import time
from contextlib import suppress

from pushpaka_shim.orders import AFTER_LOSS, FRAME, KEPT, OUTPUT, SEGMENT


class OutputFiles:
    """Appends to the newest file, begins another when it is long, and drops the oldest."""

    def __init__(self, directory: str) -> None:
        """Begin the first file in *directory*."""
        self.directory = directory
        self._sizes: dict[int, int] = {}
        self._number = 0
        self._loss = 0
        self._file = self._begin()

    def append(self, descriptor: int, data: bytes) -> None:
        """Add a piece. On a full disk it is lost, which the next one tells; the program goes on."""
        frame = FRAME.pack(descriptor | self._loss, time.time(), len(data)) + data
        is_kept = self._has_room() and self._write(frame)
        self._loss = 0 if is_kept else AFTER_LOSS

    def _has_room(self) -> bool:
        if self._sizes[self._number] < SEGMENT:
            return True
        full = self._file
        try:
            self._file = self._begin()
        except OSError:
            return False
        os.close(full)
        self._drop_oldest()
        return True

    def _write(self, frame: bytes) -> bool:
        size = self._sizes[self._number]
        with suppress(OSError):
            if os.write(self._file, frame) == len(frame):
                self._sizes[self._number] = size + len(frame)
                return True
        os.ftruncate(self._file, size)
        return False

    def _begin(self) -> int:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        file = os.open(self._path(self._number + 1), flags, 0o600)
        self._number += 1
        self._sizes[self._number] = 0
        return file

    def _drop_oldest(self) -> None:
        oldest = min(self._sizes)
        if sum(self._sizes.values()) - self._sizes[oldest] >= KEPT:
            del self._sizes[oldest]
            os.unlink(self._path(oldest))

    def _path(self, number: int) -> str:
        return f"{self.directory}/{OUTPUT}{number:010d}"
