"""Finds the package manager of a Node project, in the version that the project asks for."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from anyio import Lock, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.downloads import Downloads
from pushpaka_core.adapters.process.host_nodes import NPM
from pushpaka_core.adapters.process.node_layouts import (
    bun_binaries,
    link_bun,
    link_programs,
)
from pushpaka_core.adapters.process.packages import installed, version_of
from pushpaka_core.adapters.process.toolchain_store import Toolchain, ToolchainStore
from pushpaka_core.adapters.process.version_ranges import (
    Version,
    VersionRange,
    read_range,
    read_version,
    shown,
)
from pushpaka_core.errors import BuildError, PlatformFaultError

Report = Callable[[str], Awaitable[None]]

_BUN, _YARN = "bun", "yarn"
_KNOWN = frozenset({NPM, "pnpm", _YARN, _BUN})
_BERRY = "@yarnpkg/cli-dist"
_FIRST_BERRY: Version = (2, 0, 0)
_ARCHIVE = "package.tgz"
_PINNED = re.compile(r"(?P<version>[^+]+)\+(?P<algorithm>sha\d+)\.(?P<digest>[0-9a-f]+)")


@frozen
class _Pin:
    """What packageManager in package.json says the published archive is."""

    algorithm: str
    digest: str

    def check(self, toolchain: Toolchain) -> None:
        """
        Compare it with what was fetched.

        Raises:
            BuildError: If that is something else.
        """
        if self.algorithm not in hashlib.algorithms_guaranteed:
            raise BuildError(f"packageManager in package.json uses {self.algorithm}, not a hash.")
        found = hashlib.new(self.algorithm, _published(toolchain).read_bytes()).hexdigest()
        if found != self.digest:
            raise BuildError(
                f"{toolchain.name} {shown(toolchain.version)} is not what packageManager in"
                f" package.json says: its {self.algorithm} is {found}. Mend the hash, or leave"
                " it out."
            )


@frozen(kw_only=True)
class PackageManagers:
    """Prefers what was fetched before; npm comes with Node unless another one is asked for."""

    _store: ToolchainStore
    _downloads: Downloads
    _one_at_a_time: Lock = field(factory=Lock, init=False)

    async def choose(
        self, name: str, wanted: str | None, *, node: Toolchain, report: Report
    ) -> Toolchain | None:
        """
        Return the package manager, or None where Node brings the one that is asked for.

        Raises:
            BuildError: If there is none of that version, or it is not what the project says.
            PlatformFaultError: If it could not be fetched.
        """
        text, pin = _split(wanted or "*")
        versions = read_range(name, text)
        if name not in _KNOWN or (name == NPM and await self._comes_with(node, wanted, versions)):
            return None
        async with self._one_at_a_time:
            found = await to_thread.run_sync(self._store.find, name, versions)
            found = found or await self._fetch(name, versions, node, report)
        if pin:
            await to_thread.run_sync(pin.check, found)
        await report(f"{name} {shown(found.version)} is used.")
        return found

    async def _comes_with(
        self, node: Toolchain, wanted: str | None, versions: VersionRange
    ) -> bool:
        if wanted is None:
            return True
        async with self._store.staging() as staging:
            ran = await self._downloads.run(node.programs[NPM], "--version", staging=staging)
        version = read_version(ran.output)
        return version is not None and version in versions

    async def _fetch(
        self, name: str, versions: VersionRange, node: Toolchain, report: Report
    ) -> Toolchain:
        await report(f"Fetching {name} {versions.text}.")
        for interval in versions.intervals:
            package = _BERRY if name == _YARN and interval.since >= _FIRST_BERRY else name
            if found := await self._package(name, f"{package}@{interval.for_npm}", node):
                return found
        raise BuildError(
            f"The application asks for {name} {versions.text}, and no release that fits is"
            " published. Ask for another version."
        )

    async def _package(self, name: str, wanted: str, node: Toolchain) -> Toolchain | None:
        npm = node.programs[NPM]
        async with self._store.staging() as staging:
            archive = await self._downloads.package(wanted, npm=npm, staging=staging)
            if archive is None:
                return None
            target = await self._downloads.install(archive, npm=npm, staging=staging)
            await self._link(name, target, staging)
            await to_thread.run_sync(archive.rename, target / _ARCHIVE)
            package = installed(target, wanted.rpartition("@")[0])
            version = await to_thread.run_sync(version_of, package)
            return await to_thread.run_sync(self._store.keep, target, name, version)

    async def _link(self, name: str, target: Path, staging: Path) -> None:
        if name != _BUN:
            await to_thread.run_sync(link_programs, target)
            return
        for binary in await to_thread.run_sync(bun_binaries, target):
            if (await self._downloads.run(binary, "--version", staging=staging)).exit.succeeded:
                await to_thread.run_sync(link_bun, target, binary)
                return
        raise PlatformFaultError("The fetched Bun has no program for this processor.")


def _split(wanted: str) -> tuple[str, _Pin | None]:
    """Separate the hash from the version that it belongs to."""
    match = _PINNED.fullmatch(wanted)
    if match is None:
        return wanted, None
    return match["version"], _Pin(match["algorithm"], match["digest"])


def _published(toolchain: Toolchain) -> Path:
    """Return the file whose hash is meant: of modern yarn it is the program itself."""
    directory = toolchain.directory or Path()
    if toolchain.name == _YARN and toolchain.version >= _FIRST_BERRY:
        return installed(directory, _BERRY) / "bin" / "yarn.js"
    return directory / _ARCHIVE
