"""Pulls the images of applications on this machine, and pushes them for all nodes."""

from datetime import timedelta

from anyio import CancelScope, fail_after
from attrs import evolve, frozen

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.image_source import DockerImageSource
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.docker.pull_errors import app_image_timeout
from pushpaka_core.adapters.swarm.image_pusher import ImagePusher
from pushpaka_core.domain.projects.images import ImageReference, RegistryCredentials
from pushpaka_core.ports.images import PulledImage, PullRequest
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class SwarmImageSource:
    """
    Pulls images and pushes them to the registry of the platform, like images that were built.

    The nodes need no credentials for the registries of projects, and a rollback needs only the
    registry of the platform.
    """

    _labels: Labels
    """Labels that contain the registry's repository."""
    _local_source: DockerImageSource
    _local_builder: DockerBuilder
    _image_pusher: ImagePusher

    async def resolve(
        self,
        image: ImageReference,
        credentials: RegistryCredentials | None,
        /,
        *,
        timeout: timedelta,
    ) -> ImageReference:
        """Ask the registry for the digest of the tag."""
        return await self._local_source.resolve(image, credentials, timeout=timeout)

    async def pull(
        self, request: PullRequest, /, *, timeout: timedelta, on_progress: Reporter
    ) -> PulledImage:
        """Pull an image, push it, and remove it from this engine."""
        name = self._labels.image(request.project_number, request.lease)
        try:
            with fail_after(timeout.total_seconds()):
                pulled = await self._local_source.pull(
                    request, timeout=timeout, on_progress=on_progress
                )
                await on_progress("Pushing the image to the registry of the Swarm")
                await self._image_pusher.push(name)
        except TimeoutError:
            raise app_image_timeout(str(request.image), timeout) from None
        finally:
            with CancelScope(shield=True):
                await self._local_builder.remove(name)
        return evolve(pulled, artifact=evolve(pulled.artifact, name=self._labels.artifact(name)))
