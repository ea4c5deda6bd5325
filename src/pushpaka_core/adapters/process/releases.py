"""Release directories: application, dependencies, and the seal of a finished build."""

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from attrs import frozen

from pushpaka_core.adapters.process.sandbox.permissions import (
    change_owner_recursively,
    make_private,
    make_traversable,
)
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.errors import BuildError
from pushpaka_core.host.untrusted_files import printable

_NAME = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)"
)
_IGNORED_DIRECTORIES = frozenset({".git", "node_modules", "__pycache__"})
_MAX_SUGGESTIONS = 10


@frozen
class Release:
    """One release on disk. It cannot be moved, because it contains absolute paths."""

    directory: Path

    @property
    def app(self) -> Path:
        """The directory with the files of the commit and of the build."""
        return self.directory / "app"

    @property
    def venv(self) -> Path:
        """The virtual environment's directory, which is also the prefix of global npm installs."""
        return self.directory / "venv"

    @property
    def programs(self) -> Path:
        """The directory with links to the toolchains that build and run the release."""
        return self.directory / "bin"

    @property
    def build_scratch(self) -> Path:
        """
        The directory with temporary files of the build, next to the release.

        The name is short because programs create Unix sockets there, whose paths are limited to 107
        bytes.
        """
        deployment, _, fence = self.directory.name.partition(".")
        return self.directory.with_name(f"{deployment[:8]}{deployment[-4:]}.{fence}")

    @property
    def site_config(self) -> Path:
        """The path of the file server's configuration for a static site."""
        return self.directory / "caddy.json"

    @property
    def _seal(self) -> Path:
        return self.directory / "release.json"

    @property
    def is_sealed(self) -> bool:
        """Return True if the build finished."""
        return self._seal.exists()

    def subdirectory(self, directory: str, path: str = ".") -> Path:
        """
        Return a directory of the application.

        Raises:
            BuildError: If it does not exist, or a link points outside the application.
        """
        inner = self.app / directory / path
        if not resolves_into(self.app, inner):
            raise BuildError(
                f"{Path(directory, path)} points outside the repository. Use a path inside it."
            )
        if not inner.is_dir():
            missing = Path(directory, path)
            raise BuildError(
                f"The build did not create the directory {missing}.{_siblings_hint(inner)}"
            )
        return inner

    def initialize(self, source: Path, uid: int | None) -> None:
        """
        Move the files in *source* into the release and give them to *uid*.

        Removes the files of an earlier attempt first.
        """
        self.remove()
        make_traversable(self.directory.parent)
        make_traversable(self.directory)
        source.chmod(0o700)
        shutil.move(source, self.app)
        change_owner_recursively(self.app, uid)
        for directory in (
            self.build_scratch,
            self.build_scratch / "home",
            self.build_scratch / "tmp",
        ):
            make_private(directory, None)
        change_owner_recursively(self.build_scratch, uid)
        if uid is not None:
            make_private(self.venv, uid)

    def link_programs(self, programs: Mapping[str, Path]) -> None:
        """Link the programs that build and run the release."""
        make_traversable(self.programs)
        for name, path in programs.items():
            (self.programs / name).symlink_to(path)

    def remove(self) -> None:
        """Remove the release and the temporary files of its build. Idempotent."""
        remove_tree(self.build_scratch)
        remove_tree(self.directory)

    def seal(self, digest: str) -> None:
        """Mark the release as complete, atomically, and remove temporary files."""
        remove_tree(self.build_scratch)
        beside = self._seal.with_suffix(".new")
        beside.write_text(json.dumps({"digest": digest}), encoding="utf-8")
        beside.replace(self._seal)


def _link_targets(directory: Path) -> Sequence[Path]:
    """Return the targets of the links in *directory*; empty if it was removed concurrently."""
    try:
        return [link.readlink() for link in directory.glob("*") if link.is_symlink()]
    except FileNotFoundError:
        return []


def _siblings_hint(missing_directory: Path) -> str:
    """Return a hint that lists the existing siblings of a missing directory."""
    try:
        names = sorted(path.name for path in missing_directory.parent.iterdir() if path.is_dir())
    except OSError:
        return ""
    there = [printable(name) for name in names if name not in _IGNORED_DIRECTORIES][
        :_MAX_SUGGESTIONS
    ]
    return f" Existing directories: {', '.join(there)}." if there else ""


def resolves_into(directory: Path, path: Path) -> bool:
    """Return True if *path*, with links resolved, is in *directory*. False for link cycles."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


@frozen
class Releases:
    """The release directories of this instance, named by deployment id and fence."""

    _root: Path

    def for_lease(self, lease: Lease) -> Release:
        """Return the release that *lease* builds."""
        return self.by_name(f"{lease.deployment_id}.{lease.fence}")

    def by_name(self, name: str) -> Release:
        """
        Return the release of that name, which need not exist.

        Raises:
            ValueError: If *name* is not a release name.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a release name.")
        return Release(self._root / name)

    def programs(self) -> Collection[Path]:
        """Return the link targets of all releases: the programs in use."""
        return {
            program
            for name in self.leases()
            for program in _link_targets(self.by_name(name).programs)
        }

    def leases(self) -> Mapping[str, Lease]:
        """Return the leases of all releases by release name, including unfinished builds."""
        with suppress(FileNotFoundError):
            matches = (_NAME.fullmatch(path.name) for path in self._root.iterdir())
            return {
                match.string: Lease(
                    deployment_id=DeploymentId(UUID(match["deployment"])),
                    fence=int(match["fence"]),
                )
                for match in matches
                if match
            }
        return {}
