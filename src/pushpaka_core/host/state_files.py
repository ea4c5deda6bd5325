"""Writes state files that survive a power failure, and moves damaged files away."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pushpaka_core.errors import SettingsError

logger = logging.getLogger(__name__)

DAMAGED_DIRECTORY = "damaged"
"""The directory, below the data directory, to which damaged files are moved."""


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file, readable only by its owner, that atomically replaces *path* when the block ends.

    After a power failure the file has either the old or the new content. If the block raises,
    nothing changes.

    Raises:
        OSError: If the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        fsync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def write_once(path: Path, text: str) -> None:
    """
    Create a file with *text*, unless another process has created it before.

    The file is created with its complete content or not at all.

    Raises:
        SettingsError: If the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with atomic_write(draft) as file:
            file.write(text.encode())
        try:
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            fsync_directory(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The file {path} cannot be written: {error.strerror}. Check the data directory's free "
            "space and owner."
        ) from None


def fsync_directory(directory: Path) -> None:
    """Sync *directory* to disk, so that its file names survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def quarantine(path: Path, data_directory: Path, *, reason: str) -> None:
    """
    Move a damaged file or directory to `damaged` below *data_directory*, and log its new path.

    It stays there for inspection until the operator removes it. If *path* does not exist, nothing
    happens.
    """
    with suppress(FileNotFoundError):
        directory = data_directory / DAMAGED_DIRECTORY
        directory.mkdir(mode=0o700, exist_ok=True)
        place = directory / f"{path.parent.name}.{path.name}.{token_hex(4)}"
        path.rename(place)
        logger.warning("The file %s is damaged (%s). It was moved to %s.", path, reason, place)


def damaged_files(data_directory: Path) -> list[Path]:
    """Return the damaged files that were moved away, ordered by name."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted((data_directory / DAMAGED_DIRECTORY).iterdir())
    return []
