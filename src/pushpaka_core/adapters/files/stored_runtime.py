"""Stores the runtime that was chosen for a data directory at the first start."""

import json
from contextlib import suppress
from pathlib import Path

from attrs import asdict, field, frozen, validators

from pushpaka_core.errors import SettingsError
from pushpaka_core.host.state_files import write_once

_FILE_NAME = "runtime.json"


@frozen(kw_only=True)
class StoredRuntime:
    """The chosen runtime, and the reason for the choice as shown to the operator."""

    runtime: str = field(validator=validators.in_(("docker", "process")))
    reason: str = field(validator=validators.instance_of(str))


def read_stored_runtime(directory: Path) -> StoredRuntime | None:
    """
    Return the stored choice for a data directory, or None.

    Raises:
        SettingsError: If the file is unreadable or damaged.
    """
    path = directory / _FILE_NAME
    try:
        return StoredRuntime(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError):
        raise SettingsError(
            f"The file {path} cannot be read or is damaged. Set PUSHPAKA_RUNTIME to the runtime "
            "that was in use."
        ) from None


def store_runtime(directory: Path, stored_runtime: StoredRuntime) -> None:
    """
    Store the choice for a data directory. Idempotent.

    Raises:
        SettingsError: If another process has just chosen differently, or the file cannot be
            written.
    """
    write_once(directory / _FILE_NAME, json.dumps(asdict(stored_runtime)))
    kept = read_stored_runtime(directory)
    if kept is None or kept.runtime != stored_runtime.runtime:
        raise SettingsError(
            "Another process has just selected a different runtime. Start Pushpaka again."
        )


def has_process_releases(directory: Path) -> bool:
    """Return True if the data directory contains releases of the process runtime."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return any((directory / "releases").iterdir())
    return False
