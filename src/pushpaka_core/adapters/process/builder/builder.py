"""Builds applications with processes of this host."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, to_thread
from anyio.lowlevel import checkpoint
from attrs import field, frozen

from pushpaka_core.adapters.process.builder.build import Build
from pushpaka_core.adapters.process.builder.build_caches import cache_directory
from pushpaka_core.adapters.process.builder.digests import digest_of
from pushpaka_core.adapters.process.builder.install_archives import archive_directory
from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.releases import Release, Releases
from pushpaka_core.adapters.process.sandbox.permissions import (
    is_traversable,
    make_private,
    make_traversable,
)
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.adapters.process.supervisor.leftovers import remove_leftovers
from pushpaka_core.adapters.process.toolchains.host_node_installations import (
    default_node_directories,
)
from pushpaka_core.adapters.process.toolchains.interpreters import (
    Interpreters,
    default_interpreters,
)
from pushpaka_core.adapters.process.toolchains.toolchains import Toolchains
from pushpaka_core.adapters.process.toolchains.tools import SharedTools
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import BuildTimeoutError, PlatformFaultError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk, ProcessManager, ResourceLimits
from pushpaka_core.ports.progress import Reporter

logger = logging.getLogger(__name__)

BUILD_LIMITS = ResourceLimits(
    memory_bytes=2 * 2**30, cpu_weight=20, file_bytes=8 * 2**30, open_files=65_536, processes=512
)
"""The limits of builds. The low CPU weight gives precedence to running applications."""

_UV_PYTHON_PREFIX = "UV_PYTHON_"
"""The prefix of environment variables that are only passed to the platform's own uv."""
_SHARED_CACHE = "shared"
"""The name of the cache shared by projects that do not have their own user."""


@frozen(kw_only=True)
class ProcessBuilder:
    """
    Builds each release in its own directory, from which the release also runs.

    Args:
        process_manager: Starts the build commands.
        releases_directory: Contains the release directories.
        tools_directory: Contains uv and Caddy for all projects.
        cache_directory: Contains the download and build caches.
        uid_of: Returns the user id for a project's number, or None to build as the platform's own
            user.
        host_env: The platform's environment variables that builds see: proxies, certificates and
            package indexes.
        isolate_projects: Awaited before any program of a project runs.
        limits: Resource limits of the build commands.
        host_node_directories: Returns the directories to search for Node.js. If none has a matching
            version, one is downloaded.
        host_pythons: Returns the Python interpreters of the host.
        allow_python_downloads: Whether uv may install a Python version that the host does not have.
    """

    _process_manager: ProcessManager
    _releases: Releases = field(alias="releases_directory", converter=Releases)
    _tools: SharedTools = field(alias="tools_directory", converter=SharedTools)
    _cache: Path = field(alias="cache_directory")
    _uid_of: Callable[[int], int | None] = lambda _: None
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)
    _isolate_projects: Callable[[], Awaitable[None]] = checkpoint
    _limits: ResourceLimits = BUILD_LIMITS
    _host_node_directories: Callable[[], Sequence[Path]] = default_node_directories
    _host_pythons: Callable[[], Sequence[Path]] = default_interpreters
    _allow_python_downloads: bool = True
    _toolchains: Toolchains = field(init=False)
    _interpreters: Interpreters = field(init=False)

    @_toolchains.default
    def _default_toolchains(self) -> Toolchains:
        return Toolchains.in_directory(
            self._tools.directory.with_name("toolchains"),
            self._process_manager,
            host_env=self._host_env,
            host_directories=self._host_node_directories,
        )

    @_interpreters.default
    def _default_interpreters(self) -> Interpreters:
        return Interpreters(
            process_manager=self._process_manager,
            host_paths=self._host_pythons,
            managed_pythons=self._toolchains.pythons if self._allow_python_downloads else None,
        )

    @property
    def packaging(self) -> Packaging:
        """The kind of artifact: a directory whose files run as processes of the host."""
        return Packaging.DIRECTORY

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Install and build in the release's directory, as the project's user."""
        await self._isolate_projects()
        release = self._releases.for_lease(request.lease)
        try:
            with fail_after(timeout.total_seconds()), translate_os_errors("The build"):
                build = await self._prepare_build(request, release, on_progress, on_output)
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
        """Return True if the artifact's build finished and the artifact has not been removed."""
        release = self._releases.by_name(artifact)
        return await to_thread.run_sync(lambda: release.is_sealed)

    async def remove(self, artifact: str, /) -> None:
        """Remove the release directory, and the toolchains that no release has used for a day."""
        await to_thread.run_sync(self._releases.by_name(artifact).remove)
        await to_thread.run_sync(self._remove_unused_toolchains)

    async def remove_cache(self, project_number: int, /) -> None:
        """
        Remove the caches of the project, and the files its programs left on this host.

        If the project does not have its own user, only its part of the shared cache is removed.
        """
        uid = self._uid_of(project_number)
        shared = self._cache / _SHARED_CACHE
        parts = (cache_directory(shared, project_number), archive_directory(shared, project_number))
        for cache in parts if uid is None else (self._cache / str(uid),):
            await to_thread.run_sync(remove_tree, cache)
        if uid is not None:
            await to_thread.run_sync(remove_leftovers, uid)

    async def artifacts(self) -> Mapping[str, Lease]:
        """
        Return the leases of all release directories by name, including
        builds of crashed workers.
        """
        return await to_thread.run_sync(self._releases.leases)

    async def _prepare_build(
        self,
        request: BuildRequest,
        release: Release,
        report: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Build:
        uid = self._uid_of(request.project_number)
        await to_thread.run_sync(release.initialize, request.directory, uid)
        return Build(
            request=request,
            release=release,
            uid=uid,
            limits=self._limits,
            tools=await to_thread.run_sync(self._tools.install),
            cache=await to_thread.run_sync(self._prepare_cache, uid, release),
            host_env=self._project_env,
            process_manager=self._process_manager,
            interpreters=self._interpreters,
            toolchains=self._toolchains,
            report=report,
            on_output=on_output,
        )

    @property
    def _project_env(self) -> Mapping[str, str]:
        """
        The host's environment variables for builds, without the Python mirror.

        The mirror's URL may contain a password.
        """
        mirrors = _UV_PYTHON_PREFIX
        return {name: text for name, text in self._host_env.items() if not name.startswith(mirrors)}

    def _remove_unused_toolchains(self) -> None:
        self._toolchains.remove_unused(self._releases.programs())

    def _prepare_cache(self, uid: int | None, release: Release) -> Path:
        """Return a cache directory that no other user can write to."""
        make_traversable(self._cache)
        if uid is None:
            return make_private(self._cache / _SHARED_CACHE, None)
        closed = [path for path in (self._cache, release.directory) if not is_traversable(path)]
        if closed:
            logger.warning("The users that projects run as cannot traverse %s.", closed[0])
            raise PlatformFaultError(
                "The users that projects run as cannot access the data directory. Move it to a"
                " path that every user can traverse."
            )
        return make_private(self._cache / str(uid), uid)


def _seal(release: Release) -> str:
    digest = digest_of(release)
    release.seal(digest)
    return digest
