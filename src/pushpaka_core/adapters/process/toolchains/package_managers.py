"""Provides the package manager of a Node project in the requested version."""

import hashlib
import re
from pathlib import Path

from anyio import Lock, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.adapters.process.toolchains.host_node_installations import NPM
from pushpaka_core.adapters.process.toolchains.node_layouts import (
    bun_binaries,
    link_bun,
    link_programs,
)
from pushpaka_core.adapters.process.toolchains.npm_packages import (
    package_directory,
    package_version,
)
from pushpaka_core.adapters.process.toolchains.toolchain_store import Toolchain, ToolchainStore
from pushpaka_core.adapters.process.toolchains.version_ranges import (
    Version,
    VersionRange,
    format_version,
    parse_range,
    parse_version,
)
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.ports.progress import Reporter

_BUN, _YARN = "bun", "yarn"
_SUPPORTED = frozenset({NPM, "pnpm", _YARN, _BUN})
_BERRY = "@yarnpkg/cli-dist"
_FIRST_BERRY: Version = (2, 0, 0)
_ARCHIVE = "package.tgz"
_PINNED_VERSION = re.compile(r"(?P<version>[^+]+)\+(?P<algorithm>sha\d+)\.(?P<digest>[0-9a-f]+)")


@frozen
class _PinnedHash:
    """The hash of the published archive in the `packageManager` field of package.json."""

    algorithm: str
    digest: str

    def require_match(self, toolchain: Toolchain) -> None:
        """Raise BuildError unless the downloaded archive has this hash."""
        if self.algorithm not in hashlib.algorithms_guaranteed:
            raise BuildError(
                f"packageManager in package.json uses {self.algorithm}, which is not a known hash"
                " algorithm. Use sha512, or remove the hash."
            )
        found = hashlib.new(self.algorithm, _hashed_file(toolchain).read_bytes()).hexdigest()
        if found != self.digest:
            raise BuildError(
                f"The downloaded {toolchain.name} {format_version(toolchain.version)} does not"
                " match the hash in the packageManager field of package.json: its"
                f" {self.algorithm} is {found}. Fix the hash, or remove it."
            )


@frozen(kw_only=True)
class PackageManagers:
    """Provides package managers: the npm of Node.js if it fits, else a stored or new download."""

    _store: ToolchainStore
    _package_downloader: PackageDownloader
    _download_lock: Lock = field(factory=Lock, init=False)

    async def choose(
        self, name: str, requested_range: str | None, *, node: Toolchain, report: Reporter
    ) -> Toolchain | None:
        """
        Return the package manager, or None if the one that comes with *node* is used.

        Args:
            name: npm, pnpm, yarn or bun; other names return None.
            requested_range: A version range in npm's syntax, optionally with a hash as Corepack
                writes it.
            node: The project's Node, whose npm downloads the package manager.
            report: Receives progress lines for the build log.

        Raises:
            BuildError: If no matching version is published, or its hash is wrong.
            PlatformFaultError: If the download fails.
        """
        text, pin = _split_hash(requested_range or "*")
        versions = parse_range(name, text)
        if name not in _SUPPORTED or (
            name == NPM and await self._is_included_in_node(node, requested_range, versions)
        ):
            return None
        async with self._download_lock:
            found = await to_thread.run_sync(self._store.find, name, versions)
            found = found or await self._download(name, versions, node, report)
        if pin:
            await to_thread.run_sync(pin.require_match, found)
        await report(f"Using {name} {format_version(found.version)}.")
        return found

    async def _is_included_in_node(
        self, node: Toolchain, requested_version: str | None, versions: VersionRange
    ) -> bool:
        if requested_version is None:
            return True
        async with self._store.staging() as staging:
            result = await self._package_downloader.run(
                node.programs[NPM], "--version", staging=staging
            )
        version = parse_version(result.output)
        return version is not None and version in versions

    async def _download(
        self, name: str, versions: VersionRange, node: Toolchain, report: Reporter
    ) -> Toolchain:
        await report(f"Downloading {name} {versions.text}.")
        for interval in versions.intervals:
            package = _BERRY if name == _YARN and interval.since >= _FIRST_BERRY else name
            if found := await self._download_package(name, f"{package}@{interval.for_npm}", node):
                return found
        raise BuildError(
            f"The application requires {name} {versions.text}, but no published"
            " release matches. Change the required version."
        )

    async def _download_package(
        self, name: str, requirement: str, node: Toolchain
    ) -> Toolchain | None:
        npm = node.programs[NPM]
        async with self._store.staging() as staging:
            archive = await self._package_downloader.download_package(
                requirement, npm=npm, staging=staging
            )
            if archive is None:
                return None
            target = await self._package_downloader.install_package(
                archive, npm=npm, staging=staging
            )
            await self._link(name, target, staging)
            await to_thread.run_sync(archive.rename, target / _ARCHIVE)
            package = package_directory(target, requirement.rpartition("@")[0])
            version = await to_thread.run_sync(package_version, package)
            return await to_thread.run_sync(self._store.add, target, name, version)

    async def _link(self, name: str, target: Path, staging: Path) -> None:
        if name != _BUN:
            await to_thread.run_sync(link_programs, target)
            return
        for binary in await to_thread.run_sync(bun_binaries, target):
            if (
                await self._package_downloader.run(binary, "--version", staging=staging)
            ).exit.succeeded:
                await to_thread.run_sync(link_bun, target, binary)
                return
        raise PlatformFaultError(
            "The downloaded Bun has no executable for this processor. Use another package manager."
        )


def _split_hash(text: str) -> tuple[str, _PinnedHash | None]:
    """Split *text* into the version range and the hash."""
    match = _PINNED_VERSION.fullmatch(text)
    if match is None:
        return text, None
    return match["version"], _PinnedHash(match["algorithm"], match["digest"])


def _hashed_file(toolchain: Toolchain) -> Path:
    """Return the file that the hash refers to: for modern Yarn the script, else the archive."""
    directory = toolchain.directory or Path()
    if toolchain.name == _YARN and toolchain.version >= _FIRST_BERRY:
        return package_directory(directory, _BERRY) / "bin" / "yarn.js"
    return directory / _ARCHIVE
