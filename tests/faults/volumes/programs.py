"""Simulated programs and builds, with real releases and real volumes on the disk."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from anyio import to_thread
from attrs import define, field

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.process.releases import Release, Releases
from pushpaka_core.adapters.process.sandbox.home_directories import HomeDirectories
from pushpaka_core.adapters.process.volumes.files import VolumeDirectories
from pushpaka_core.adapters.process.volumes.mounts import ReleaseMounts
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.ports.progress import Reporter
from pushpaka_core.ports.runtime import StartRequest

ORIGINAL_PATH, ORIGINAL_FILE = "media", "welcome"
"""A directory of each release with one file, which is copied to an empty volume of that path."""
STARTS = "starts"
"""The file in which each program notes its start, in each of its volumes."""


@define(kw_only=True)
class DirectoryBuilder(MemoryBuilder):
    """Creates a release on the disk for each build. Its file ORIGINAL_FILE contains its name."""

    releases: Releases

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Create a release."""
        artifact = await super().build(
            request, timeout=timeout, on_progress=on_progress, on_output=on_output
        )
        await to_thread.run_sync(self._create, artifact)
        return artifact

    async def exists(self, artifact: str, /) -> bool:
        """Return whether the release is complete."""
        return await to_thread.run_sync(lambda: self.releases.by_name(artifact).is_sealed)

    async def remove(self, artifact: str, /) -> None:
        """Remove the release from the disk."""
        await to_thread.run_sync(self.releases.by_name(artifact).remove)

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all releases on the disk."""
        return await to_thread.run_sync(self.releases.leases)

    def _create(self, artifact: Artifact) -> None:
        release = self.releases.by_name(artifact.name)
        (release.app / ORIGINAL_PATH).mkdir(parents=True)
        (release.app / ORIGINAL_PATH / ORIGINAL_FILE).write_text(artifact.name)
        release.seal(artifact.digest)


@define(kw_only=True)
class LinkingRuntime(MemoryRuntime):
    """Simulates programs whose releases contain links to their volumes, and that write files."""

    releases: Releases
    volumes: VolumeDirectories
    homes: HomeDirectories
    started: list[StartRequest] = field(factory=list, init=False)
    """The requests of all programs that were started, oldest first. A test empties it."""

    async def start(self, request: StartRequest, /) -> None:
        """Link the volumes, and let a new program note its start in each of them."""
        name = request.instance.name
        is_new = name not in self._programs
        if is_new:
            self._require_available()
            await to_thread.run_sync(self._link, request)
        await super().start(request)
        if is_new:
            self.started.append(request)
            await to_thread.run_sync(self._note_start, request)

    async def remove(self, name: str, /) -> None:
        """Remove an ended program and its directory."""
        await super().remove(name)
        await to_thread.run_sync(self.homes.remove, name)

    def file(self, request: StartRequest, mount_path: str, name: str) -> Path:
        """Return the path of a file in a volume, as the program sees it: through the release."""
        return self._release(request).app / mount_path / name

    def _link(self, request: StartRequest) -> None:
        name = request.instance.name
        home = self.homes.create_marker(name)
        home.mkdir(exist_ok=True)
        mounts = ReleaseMounts.of(
            request, self._release(request), self.volumes, home=home, name=name
        )
        mounts.mount(None, ended={one for one in mounts.rivals() if one not in self.running})

    def _note_start(self, request: StartRequest) -> None:
        for mount in request.settings.volumes:
            with self.file(request, mount.path, STARTS).open("a") as file:
                file.write(f"{request.instance.name}\n")

    def _release(self, request: StartRequest) -> Release:
        return self.releases.by_name(request.artifact)
