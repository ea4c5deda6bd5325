"""Of which instance a data directory is."""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from pushpaka_core.adapters.files.drafts import write_first, written_whole
from pushpaka_core.errors import SettingsError

_NAME = "instance-id"


def known_instance_id(directory: Path) -> UUID | None:
    """
    Return the id of the instance whose data directory this is; None where nobody has used it.

    Raises:
        SettingsError: If it cannot be read.
    """
    path = directory / _NAME
    try:
        return UUID(path.read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise SettingsError(
            f"The file {path} cannot be read or is damaged. It keeps the id of the instance "
            "whose data directory this is."
        ) from None


def keep_instance_id(directory: Path, id: UUID) -> None:
    """
    Let *directory* be of the instance *id* from now on.

    Raises:
        SettingsError: If it was made another one's meanwhile, or cannot be written to.
    """
    write_first(directory / _NAME, f"{id}\n")
    if known_instance_id(directory) != id:
        raise SettingsError(
            f"The data directory {directory} is of another instance. Set PUSHPAKA_DATA_DIRECTORY "
            "to one that no other instance uses."
        )


def change_instance_id(directory: Path, id: UUID) -> None:
    """Let *directory* be of another instance, whose rows were imported. Only under its lock."""
    with suppress(OSError), written_whole(directory / _NAME) as file:
        file.write(f"{id}\n".encode())
    keep_instance_id(directory, id)
