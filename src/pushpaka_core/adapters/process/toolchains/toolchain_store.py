"""Stores downloaded toolchains, shared by all projects."""

import os
import re
import stat
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from errno import EEXIST, ENOTEMPTY
from pathlib import Path
from secrets import token_hex

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.adapters.process.sandbox.permissions import make_traversable
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.adapters.process.toolchains.version_ranges import (
    Version,
    VersionRange,
    format_version,
    parse_version,
)

_NAME = re.compile(r"(?P<name>[a-z]+)-(?P<version>\d+\.\d+\.\d+)")
_STAGING = ".fetched-"
_UV_TEMPORARY = ".temp"
"""The directory of uv's unfinished downloads, which stay there if uv is killed."""
_RETENTION_SECONDS = 24 * 3600
"""How long unused toolchains are kept: the next commit may need them again."""


@frozen(kw_only=True)
class Toolchain:
    """Programs that build and run applications, for example Node and its npm."""

    name: str
    version: Version
    programs: Mapping[str, Path]
    directory: Path | None = None
    """The directory of a downloaded toolchain, or None for one installed on the host."""


@frozen
class ToolchainStore:
    """
    Stores each toolchain in a directory named after its name and version.

    A directory is renamed into place when it is complete, so concurrent builds never see an
    incomplete toolchain.
    """

    root: Path
    """The directory that contains the toolchains."""

    def find(self, name: str, version_range: VersionRange) -> Toolchain | None:
        """Return the newest matching toolchain and mark it as used, or return None."""
        matches = (
            each for each in self._all() if each.name == name and each.version in version_range
        )
        for toolchain in sorted(matches, key=lambda each: each.version, reverse=True):
            with suppress(FileNotFoundError):
                os.utime(self._path(toolchain.name, toolchain.version))
                return toolchain
        return None

    def directories(self, prefix: str) -> Sequence[Path]:
        """Return the directories whose names start with *prefix*, without symbolic links."""
        return sorted(
            path
            for path in self._entries()
            if path.name.startswith(prefix) and path.is_dir() and not path.is_symlink()
        )

    def make_readable_for_all(self, directory: Path) -> None:
        """Make *directory* readable for every user, and mark it as used."""
        _make_readable_for_all(directory)
        os.utime(directory)

    @asynccontextmanager
    async def staging(self) -> AsyncIterator[Path]:
        """Yield a temporary directory, which is removed at the end of the block."""
        directory = self.root / f"{_STAGING}{token_hex(8)}"
        try:
            await to_thread.run_sync(self._create_staging, directory)
            yield directory
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(remove_tree, directory)

    def add(self, directory: Path, name: str, version: Version) -> Toolchain:
        """
        Move a complete toolchain into the store.

        If another build has stored the same version in the meantime, the stored toolchain is used.
        """
        _make_readable_for_all(directory)
        path = self._path(name, version)
        if not (path / "bin").is_dir():
            remove_tree(path)
        try:
            directory.rename(path)
        except OSError as error:
            if error.errno not in {EEXIST, ENOTEMPTY}:
                raise
        return _toolchain(path, name, version)

    def remove_unused(self, used_directories: Collection[Path]) -> None:
        """
        Remove the toolchains and interrupted downloads that are neither recent nor in
        *used_directories*.
        """
        for path in self._entries():
            if _is_removable(path) and path not in used_directories and _is_old(path):
                self._remove(path)

    def _remove(self, path: Path) -> None:
        """
        Remove a toolchain.

        The directory is renamed first, and renamed back if a build has just marked it as used.
        """
        if path.name.startswith(_STAGING):
            remove_tree(path)
            return
        aside = self.root / f"{_STAGING}{token_hex(8)}"
        path.rename(aside)
        if _is_old(aside):
            remove_tree(aside)
        else:
            aside.rename(path)

    def _all(self) -> Iterator[Toolchain]:
        for path in self._entries():
            match = _NAME.fullmatch(path.name)
            is_whole = (path / "bin").is_dir()
            if match and is_whole and (version := parse_version(match["version"])):
                yield _toolchain(path, match["name"], version)

    def _entries(self) -> list[Path]:
        return list(self.root.iterdir()) if self.root.is_dir() else []

    def _path(self, name: str, version: Version) -> Path:
        return self.root / f"{name}-{format_version(version)}"

    def _create_staging(self, directory: Path) -> None:
        make_traversable(self.root)
        directory.mkdir(mode=0o700)
        (directory / "tmp").mkdir()


def _toolchain(path: Path, name: str, version: Version) -> Toolchain:
    programs = {program.name: program for program in (path / "bin").iterdir()}
    return Toolchain(name=name, version=version, programs=programs, directory=path)


def _is_removable(path: Path) -> bool:
    """Return True if *path* is a toolchain or a download, not one of uv's lock files or links."""
    is_of_uv = path.name.startswith(".") and not path.name.startswith((_STAGING, _UV_TEMPORARY))
    return not (is_of_uv or path.is_symlink())


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _RETENTION_SECONDS


def _make_readable_for_all(root: Path) -> None:
    """Make everything below *root* readable for every user, and programs executable."""
    for directory, _, files in os.walk(root):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
