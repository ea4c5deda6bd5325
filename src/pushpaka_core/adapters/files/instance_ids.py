"""Stores the id of the instance that a data directory belongs to."""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from pushpaka_core.errors import SettingsError
from pushpaka_core.host.state_files import atomic_write, write_once

_FILE_NAME = "instance-id"


def read_instance_id(directory: Path) -> UUID | None:
    """
    Return the id of the instance that owns the data directory, or None if it is unused.

    Raises:
        SettingsError: If the file is unreadable or damaged.
    """
    path = directory / _FILE_NAME
    try:
        return UUID(path.read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise SettingsError(
            f"The file {path} cannot be read or is damaged. Restore it from a backup: it stores "
            "the instance's id."
        ) from None


def store_instance_id(directory: Path, id: UUID) -> None:
    """
    Assign *directory* to the instance *id*. Idempotent.

    Raises:
        SettingsError: If it belongs to another instance, or cannot be written to.
    """
    write_once(directory / _FILE_NAME, f"{id}\n")
    if read_instance_id(directory) != id:
        raise SettingsError(
            f"The data directory {directory} belongs to another instance. Set "
            "PUSHPAKA_DATA_DIRECTORY to a directory that no other instance uses."
        )


def replace_instance_id(directory: Path, id: UUID) -> None:
    """
    Reassign *directory* to another instance, after an import. The caller must hold its lock.

    Raises:
        SettingsError: If the directory cannot be written to.
    """
    with suppress(OSError), atomic_write(directory / _FILE_NAME) as file:
        file.write(f"{id}\n".encode())
    store_instance_id(directory, id)
