"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pushpaka_core.errors import SettingsError


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file that takes the place of *path* at the end of the block, for its owner alone.

    Where the block raises, nothing has changed. OSError, where the disk refuses.
    """
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_first(path: Path, text: str) -> None:
    """
    Write all of it or nothing, unless another process has written that file before.

    Raises:
        SettingsError: If it cannot be written there.
    """
    beside = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        try:
            beside.write_text(text)
            with suppress(FileExistsError):
                path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The file {path} cannot be written: {error.strerror}. Check the free space of the "
            "data directory and who owns it."
        ) from None
