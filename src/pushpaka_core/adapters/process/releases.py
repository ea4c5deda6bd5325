"""The directories in which releases lie: the application, what it needs, and a seal."""

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from attrs import frozen

from pushpaka_core.adapters.process.permissions import give_tree, make_passable, make_private
from pushpaka_core.adapters.process.removal import remove_tree
from pushpaka_core.adapters.process.walking import printable
from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.errors import BuildError

_NAME = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)"
)
_NEVER_MEANT = frozenset({".git", "node_modules", "__pycache__"})
_MOST_NAMED = 10


@frozen
class Release:
    """One release on disk. What is built lies where it will run, since its paths are absolute."""

    directory: Path

    @property
    def app(self) -> Path:
        """The files of the commit, and what the build made of them."""
        return self.directory / "app"

    @property
    def venv(self) -> Path:
        """The virtual environment, where there is one."""
        return self.directory / "venv"

    @property
    def programs(self) -> Path:
        """Links to the toolchains that built the release, which will run it as well."""
        return self.directory / "bin"

    @property
    def scratch(self) -> Path:
        """
        What only the build needs, beside the release and under a short name.

        Programs make Unix sockets there, whose paths may have no more than 107 bytes.
        """
        deployment, _, fence = self.directory.name.partition(".")
        return self.directory.with_name(f"{deployment[:8]}{deployment[-4:]}.{fence}")

    @property
    def site_config(self) -> Path:
        """How the file server is told to serve a static site."""
        return self.directory / "caddy.json"

    @property
    def _seal(self) -> Path:
        return self.directory / "release.json"

    @property
    def is_sealed(self) -> bool:
        """Tell whether the build came to its end."""
        return self._seal.exists()

    def below(self, directory: str, path: str = ".") -> Path:
        """
        Return a directory of the application.

        Raises:
            BuildError: If it is not there, or leads out of the application.
        """
        inner = self.app / directory / path
        if not leads_into(self.app, inner):
            raise BuildError(f"{Path(directory, path)} leads out of the repository.")
        if not inner.is_dir():
            missing = Path(directory, path)
            raise BuildError(f"There is no directory {missing} after the build.{_near(inner)}")
        return inner

    def begin(self, source: Path, uid: int | None) -> None:
        """Take over the files in *source*, for *uid*; what a former try left is removed."""
        self.remove()
        make_passable(self.directory.parent)
        make_passable(self.directory)
        source.chmod(0o700)
        shutil.move(source, self.app)
        give_tree(self.app, uid)
        for directory in (self.scratch, self.scratch / "home", self.scratch / "tmp"):
            make_private(directory, None)
        give_tree(self.scratch, uid)
        if uid is not None:
            make_private(self.venv, uid)

    def link(self, programs: Mapping[str, Path]) -> None:
        """Remember by which programs the release is built and run."""
        make_passable(self.programs)
        for name, path in programs.items():
            (self.programs / name).symlink_to(path)

    def remove(self) -> None:
        """Remove all of it, and what its build has left."""
        remove_tree(self.scratch)
        remove_tree(self.directory)

    def seal(self, digest: str) -> None:
        """Say that the release is whole."""
        remove_tree(self.scratch)
        beside = self._seal.with_suffix(".new")
        beside.write_text(json.dumps({"digest": digest}), encoding="utf-8")
        beside.replace(self._seal)


def _linked(directory: Path) -> Sequence[Path]:
    """Return what the links in *directory* lead to; one that is just being removed has none."""
    try:
        return [link.readlink() for link in directory.glob("*") if link.is_symlink()]
    except FileNotFoundError:
        return []


def _near(missing: Path) -> str:
    """Say which directories there are where one is missed."""
    try:
        names = sorted(path.name for path in missing.parent.iterdir() if path.is_dir())
    except OSError:
        return ""
    there = [printable(name) for name in names if name not in _NEVER_MEANT][:_MOST_NAMED]
    return f" There are: {', '.join(there)}." if there else ""


def leads_into(directory: Path, path: Path) -> bool:
    """Tell whether *path* ends in *directory*, wherever links lead; a circle leads nowhere."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


@frozen
class Releases:
    """All releases of this instance, by names that say who built them."""

    _root: Path

    def of(self, lease: Lease) -> Release:
        """Return where *lease* builds."""
        return self.named(f"{lease.deployment_id}.{lease.fence}")

    def named(self, name: str) -> Release:
        """Return the release of that name, whether or not it is there."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a release.")
        return Release(self._root / name)

    def programs(self) -> Collection[Path]:
        """Return what the links of all releases lead to."""
        return {program for name in self.leases() for program in _linked(self.named(name).programs)}

    def leases(self) -> Mapping[str, Lease]:
        """Return what is there, unfinished builds included."""
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
