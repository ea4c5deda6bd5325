"""The directory of the toolchains that were fetched: whole ones only, open to every project."""

import os
import re
import stat
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from errno import EEXIST, ENOTEMPTY
from pathlib import Path
from secrets import token_hex

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.process.permissions import make_passable
from pushpaka_core.adapters.process.removal import remove_tree
from pushpaka_core.adapters.process.version_ranges import (
    Version,
    VersionRange,
    read_version,
    shown,
)

_NAME = re.compile(r"(?P<name>[a-z]+)-(?P<version>\d+\.\d+\.\d+)")
_STAGING = ".fetched-"
_LET_GO_SECONDS = 24 * 3600
"""What nobody uses stays for a day: the next commit may want it again."""


@frozen(kw_only=True)
class Toolchain:
    """A program by which applications are built and run, with those that come with it."""

    name: str
    version: Version
    programs: Mapping[str, Path]
    directory: Path | None = None
    """Where it lies, if it was fetched."""


@frozen
class ToolchainStore:
    """Keeps each toolchain in a directory of its own, which bears its name and version."""

    _root: Path

    def find(self, name: str, wanted: VersionRange) -> Toolchain | None:
        """Return the newest that fits, and note that it is used."""
        fitting = (each for each in self._all() if each.name == name and each.version in wanted)
        for toolchain in sorted(fitting, key=lambda each: each.version, reverse=True):
            with suppress(FileNotFoundError):
                os.utime(self._path(toolchain.name, toolchain.version))
                return toolchain
        return None

    @asynccontextmanager
    async def staging(self) -> AsyncIterator[Path]:
        """Lend a directory that is gone afterwards; what is kept has been moved out of it."""
        directory = self._root / f"{_STAGING}{token_hex(8)}"
        try:
            await to_thread.run_sync(self._stage, directory)
            yield directory
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(remove_tree, directory)

    def keep(self, directory: Path, name: str, version: Version) -> Toolchain:
        """Take in what is whole; if another has done so in the meantime, theirs is as good."""
        _open_to_all(directory)
        path = self._path(name, version)
        try:
            directory.rename(path)
        except OSError as error:
            if error.errno not in {EEXIST, ENOTEMPTY}:
                raise
        return _toolchain(path, name, version)

    def sweep(self, used: Collection[Path]) -> None:
        """Remove what is not *used*, nor was of late, and what a killed fetch has left."""
        for path in self._entries():
            if path not in used and _is_old(path):
                self._remove(path)

    def _remove(self, path: Path) -> None:
        """Move it out of sight first, and back if somebody came to use it just then."""
        if path.name.startswith(_STAGING):
            remove_tree(path)
            return
        aside = self._root / f"{_STAGING}{token_hex(8)}"
        path.rename(aside)
        if _is_old(aside):
            remove_tree(aside)
        else:
            aside.rename(path)

    def _all(self) -> Iterator[Toolchain]:
        for path in self._entries():
            match = _NAME.fullmatch(path.name)
            if match and (version := read_version(match["version"])):
                yield _toolchain(path, match["name"], version)

    def _entries(self) -> list[Path]:
        return list(self._root.iterdir()) if self._root.is_dir() else []

    def _path(self, name: str, version: Version) -> Path:
        return self._root / f"{name}-{shown(version)}"

    def _stage(self, directory: Path) -> None:
        make_passable(self._root)
        directory.mkdir(mode=0o700)
        (directory / "tmp").mkdir()


def _toolchain(path: Path, name: str, version: Version) -> Toolchain:
    programs = {program.name: program for program in (path / "bin").iterdir()}
    return Toolchain(name=name, version=version, programs=programs, directory=path)


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _LET_GO_SECONDS


def _open_to_all(root: Path) -> None:
    """Let everybody read what lies below *root*, and execute what may be executed."""
    for directory, _, files in os.walk(root):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
