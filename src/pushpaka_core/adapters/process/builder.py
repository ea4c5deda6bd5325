"""Builds applications by programs of this host."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.build import Build
from pushpaka_core.adapters.process.build_caches import place_of
from pushpaka_core.adapters.process.digests import digest_of
from pushpaka_core.adapters.process.faults import translated_faults
from pushpaka_core.adapters.process.host_nodes import host_directories
from pushpaka_core.adapters.process.interpreters import Interpreters
from pushpaka_core.adapters.process.kept_installs import installs_of
from pushpaka_core.adapters.process.permissions import (
    is_passable,
    make_passable,
    make_private,
)
from pushpaka_core.adapters.process.releases import Release, Releases
from pushpaka_core.adapters.process.removal import remove_tree
from pushpaka_core.adapters.process.toolchains import Toolchains
from pushpaka_core.adapters.process.tools import Tools
from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import BuildTimeoutError, PlatformFaultError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import Limits, OutputChunk, Processes

logger = logging.getLogger(__name__)

BUILD_LIMITS = Limits(
    memory_bytes=2 * 2**30, file_bytes=8 * 2**30, open_files=65_536, processes=512
)

_SHARED = "shared"
"""The cache of all projects that have no user of their own."""


@frozen(kw_only=True)
class ProcessBuilder:
    """
    Builds each release in a directory of its own, where it will also run.

    `uid_of` gives the user id for a project's number, or None to build as the
    platform's own user. `host_env` is what builds see of the platform's own
    environment: proxies, certificates and package indexes. `host_directories` tells
    where a Node of the host may lie; without a fitting one there, one is fetched.
    """

    _processes: Processes
    _releases: Releases = field(alias="releases_directory", converter=Releases)
    _tools: Tools = field(alias="tools_directory", converter=Tools)
    _cache: Path = field(alias="cache_directory")
    _uid_of: Callable[[int], int | None] = lambda _: None
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)
    _limits: Limits = BUILD_LIMITS
    _host_directories: Callable[[], Sequence[Path]] = host_directories
    _interpreters: Interpreters = field(init=False)
    _toolchains: Toolchains = field(init=False)

    @_interpreters.default
    def _all_interpreters(self) -> Interpreters:
        return Interpreters(self._processes)

    @_toolchains.default
    def _all_toolchains(self) -> Toolchains:
        return Toolchains.in_directory(
            self._tools.directory.with_name("toolchains"),
            self._processes,
            host_env=self._host_env,
            host_directories=self._host_directories,
        )

    @property
    def packaging(self) -> Packaging:
        """Leave files that the host's programs run."""
        return Packaging.DIRECTORY

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Install and build in the release's directory, as the project's user."""
        release = self._releases.of(request.lease)
        try:
            with fail_after(timeout.total_seconds()), translated_faults("The build"):
                build = await self._begin(request, release, report, on_output)
                await build.run()
                digest = await to_thread.run_sync(_seal, release)
        except BaseException as error:
            with CancelScope(shield=True):
                await to_thread.run_sync(release.remove)
            if isinstance(error, TimeoutError):
                raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
            raise
        return Artifact(name=release.directory.name, digest=digest)

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether the artifact's build came to its end, and nobody removed it."""
        release = self._releases.named(artifact)
        return await to_thread.run_sync(lambda: release.is_sealed)

    async def remove(self, artifact: str, /) -> None:
        """Remove the release's directory, and in time the toolchains that only it has needed."""
        await to_thread.run_sync(self._releases.named(artifact).remove)
        await to_thread.run_sync(self._sweep_toolchains)

    async def forget(self, project_number: int, /) -> None:
        """Remove the cache of the project's user; in that of the platform's own, its part."""
        uid = self._uid_of(project_number)
        shared = self._cache / _SHARED
        parts = (place_of(shared, project_number), installs_of(shared, project_number))
        for cache in parts if uid is None else (self._cache / str(uid),):
            await to_thread.run_sync(remove_tree, cache)

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all releases that are there, those included that a dead worker left half built."""
        return await to_thread.run_sync(self._releases.leases)

    async def _begin(
        self,
        request: BuildRequest,
        release: Release,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Build:
        uid = self._uid_of(request.project_number)
        await to_thread.run_sync(release.begin, request.directory, uid)
        return Build(
            request=request,
            release=release,
            uid=uid,
            limits=self._limits,
            tools=await to_thread.run_sync(self._tools.place),
            cache=await to_thread.run_sync(self._cache_of, uid, release),
            host_env=self._host_env,
            processes=self._processes,
            interpreters=self._interpreters,
            toolchains=self._toolchains,
            report=report,
            on_output=on_output,
        )

    def _sweep_toolchains(self) -> None:
        self._toolchains.sweep(self._releases.programs())

    def _cache_of(self, uid: int | None, release: Release) -> Path:
        """Return a cache that no other user can put anything into."""
        make_passable(self._cache)
        if uid is None:
            return make_private(self._cache / _SHARED, None)
        closed = [path for path in (self._cache, release.directory) if not is_passable(path)]
        if closed:
            logger.warning("users of projects cannot pass to %s", closed[0])
            raise PlatformFaultError(
                "Projects have users of their own, and the data directory is closed to them."
                " Keep it where every user may pass."
            )
        return make_private(self._cache / str(uid), uid)


def _seal(release: Release) -> str:
    digest = digest_of(release)
    release.seal(digest)
    return digest
