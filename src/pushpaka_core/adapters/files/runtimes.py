"""Which runtime a data directory was given at its first start, where no setting named one."""

import json
from contextlib import suppress
from pathlib import Path

from attrs import asdict, field, frozen, validators

from pushpaka_core.adapters.files.drafts import write_first
from pushpaka_core.errors import SettingsError

_NAME = "runtime.json"


@frozen(kw_only=True)
class KeptRuntime:
    """A choice with its reason, which a person reads."""

    runtime: str = field(validator=validators.in_(("docker", "process")))
    reason: str = field(validator=validators.instance_of(str))


def kept_runtime(directory: Path) -> KeptRuntime | None:
    """
    Return what was chosen for a data directory; None where nothing was.

    Raises:
        SettingsError: If it cannot be read.
    """
    path = directory / _NAME
    try:
        return KeptRuntime(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError):
        raise SettingsError(
            f"The file {path} cannot be read or is damaged. It keeps by which runtime applications "
            "run; set PUSHPAKA_RUNTIME to the one that it was."
        ) from None


def keep_runtime(directory: Path, chosen: KeptRuntime) -> None:
    """
    Let a data directory have the *chosen* runtime from now on.

    Raises:
        SettingsError: If another process has just chosen another one, or the disk refuses.
    """
    write_first(directory / _NAME, json.dumps(asdict(chosen)))
    kept = kept_runtime(directory)
    if kept is None or kept.runtime != chosen.runtime:
        raise SettingsError("Another process has just chosen another runtime. Start again.")


def has_built_programs(directory: Path) -> bool:
    """Tell whether there are releases in a data directory, which only the process runtime makes."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return any((directory / "releases").iterdir())
    return False
