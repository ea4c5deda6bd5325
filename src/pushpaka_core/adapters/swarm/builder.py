"""Builds images on this machine and pushes them to the registry for all nodes."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from anyio import CancelScope, fail_after
from attrs import frozen

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.swarm.image_pusher import ImagePusher
from pushpaka_core.adapters.swarm.layers import RegistryLayerCache
from pushpaka_core.adapters.swarm.registry import Registry, RegistryLocation
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import BuildTimeoutError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class SwarmBuilder:
    """
    Builds images and pushes them to a registry, tagged with the lease they were built under.

    Artifacts are named by tag only, so that the registry can be renamed. The local image is removed
    after the push: the next build imports its layers from the registry.
    """

    _labels: Labels
    """Labels that contain the registry's repository."""
    _local_builder: DockerBuilder
    _location: RegistryLocation
    _registry: Registry
    _layer_cache: RegistryLayerCache
    _image_pusher: ImagePusher

    @property
    def packaging(self) -> Packaging:
        """The kind of artifact: an image."""
        return self._local_builder.packaging

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """Build an image and push it."""
        name = self._labels.image(request.project_number, request.lease)
        try:
            with fail_after(timeout.total_seconds()):
                built = await self._local_builder.build(
                    request, timeout=timeout, on_progress=on_progress, on_output=on_output
                )
                await on_progress(f"Pushing the image to {self._location.host}")
                await self._image_pusher.push(name)
                await self._layer_cache.store(_tag(name), request.project_number)
        except TimeoutError:
            raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
        finally:
            with CancelScope(shield=True):
                await self._local_builder.remove(name)
        digest = await self._registry.digest(_tag(name))
        known_by = self._labels.artifact(name)
        return Artifact(name=known_by, digest=digest or built.digest, image=name)

    async def exists(self, artifact: str, /) -> bool:
        """Return whether the registry has the image."""
        if self._labels.lease_of(artifact) is None:
            return False
        return await self._registry.digest(_tag(artifact)) is not None

    async def remove(self, artifact: str, /) -> None:
        """Remove the tag from the registry and from this engine."""
        await self._local_builder.remove(self._labels.image_of(artifact))
        await self._registry.remove(_tag(artifact))

    async def remove_cache(self, project_number: int, /) -> None:
        """Remove the project's cache on this engine and its cached layers in the registry."""
        await self._local_builder.remove_cache(project_number)
        await self._layer_cache.remove(project_number)

    async def artifacts(self) -> Mapping[str, Lease]:
        """
        Return the images of the registry and of this engine, and the leases
        they were built under.
        """
        pushed = map(self._labels.registry_image, await self._registry.tags())
        names = map(self._labels.artifact, {*pushed, *await self._local_builder.artifacts()})
        leases = {name: self._labels.lease_of(name) for name in names}
        return {name: lease for name, lease in leases.items() if lease is not None}


def _tag(artifact: str) -> str:
    return artifact.rpartition(":")[2]
