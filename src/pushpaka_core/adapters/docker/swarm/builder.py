"""Builds images on this machine's engine, and pushes them to where all machines fetch them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from anyio import CancelScope, fail_after
from attrs import frozen

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.swarm.layers import RegistryLayers
from pushpaka_core.adapters.docker.swarm.pushes import Pushes
from pushpaka_core.adapters.docker.swarm.registry import Registry, RegistryPlace
from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import BuildTimeoutError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk


@frozen(kw_only=True)
class SwarmBuilder:
    """
    Leaves images in a registry, under tags that say which lease has built them.

    They are known by these alone, as a registry may get another name. On the engine they are for
    as long as that takes: whichever machine builds next begins with what the registry has.
    """

    _marks: Marks
    """Whose images are named after the repository of the registry."""
    _local: DockerBuilder
    _place: RegistryPlace
    _registry: Registry
    _layers: RegistryLayers
    _pushes: Pushes

    @property
    def packaging(self) -> Packaging:
        """Make images."""
        return self._local.packaging

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Build an image, and push it."""
        name = self._marks.image(request.project_number, request.lease)
        try:
            with fail_after(timeout.total_seconds()):
                built = await self._local.build(
                    request, timeout=timeout, report=report, on_output=on_output
                )
                await report(f"Pushing the image to {self._place.host}")
                await self._pushes.push(name)
                await self._layers.keep(_tag(name), request.project_number)
        except TimeoutError:
            raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
        finally:
            with CancelScope(shield=True):
                await self._local.remove(name)
        digest = await self._registry.digest(_tag(name))
        known_by = self._marks.artifact(name)
        return Artifact(name=known_by, digest=digest or built.digest, image=name)

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether the registry has the image."""
        if self._marks.lease_of(artifact) is None:
            return False
        return await self._registry.digest(_tag(artifact)) is not None

    async def remove(self, artifact: str, /) -> None:
        """Take the image's name away, in the registry and here."""
        await self._local.remove(self._marks.image_of(artifact))
        await self._registry.remove(_tag(artifact))

    async def forget(self, project_number: int, /) -> None:
        """Remove what a project's builds have kept for the next one."""
        await self._local.forget(project_number)
        await self._layers.remove(project_number)

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return the names of all images in the registry, and of those that are only here."""
        pushed = map(self._marks.with_tag, await self._registry.tags())
        names = map(self._marks.artifact, {*pushed, *await self._local.artifacts()})
        leases = {name: self._marks.lease_of(name) for name in names}
        return {name: lease for name, lease in leases.items() if lease is not None}


def _tag(artifact: str) -> str:
    return artifact.rpartition(":")[2]
