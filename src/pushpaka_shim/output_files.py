"""Stores the most recent output of a program in numbered files."""

# ruff: noqa: PTH108
from __future__ import annotations

import os
import time
from contextlib import suppress

from pushpaka_shim.protocol import (
    FRAME_HEADER,
    LOSS_FLAG,
    MAX_FILE_SIZE,
    MAX_KEPT_SIZE,
    OUTPUT_PREFIX,
)


class OutputFiles:
    """
    A log in numbered files of 2 MiB each. Above a total of about 20 MiB, the oldest files are
    deleted.
    """

    def __init__(self, directory: str) -> None:
        """Create the first file in *directory*."""
        self.directory = directory
        self._sizes: dict[int, int] = {}
        self._number = 0
        self._loss = 0
        self._file = self._open_next()

    def append(self, descriptor: int, data: bytes) -> None:
        """
        Append a piece of output.

        If the disk is full, the piece is dropped and the next one is marked with LOSS_FLAG. The
        program keeps running.
        """
        frame = FRAME_HEADER.pack(descriptor | self._loss, time.time(), len(data)) + data
        is_kept = self._ensure_room() and self._write(frame)
        self._loss = 0 if is_kept else LOSS_FLAG

    def _ensure_room(self) -> bool:
        if self._sizes[self._number] < MAX_FILE_SIZE:
            return True
        full = self._file
        try:
            self._file = self._open_next()
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

    def _open_next(self) -> int:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        file = os.open(self._path(self._number + 1), flags, 0o600)
        self._number += 1
        self._sizes[self._number] = 0
        return file

    def _drop_oldest(self) -> None:
        oldest = min(self._sizes)
        if sum(self._sizes.values()) - self._sizes[oldest] >= MAX_KEPT_SIZE:
            del self._sizes[oldest]
            os.unlink(self._path(oldest))

    def _path(self, number: int) -> str:
        return f"{self.directory}/{OUTPUT_PREFIX}{number:010d}"
