"""Pulls the images of applications from registries."""

from datetime import timedelta
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.projects.images import ImageReference, RegistryCredentials
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class PullRequest:
    """The image to pull for one deployment."""

    lease: Lease
    """The lease of the deployment that the artifact belongs to."""
    project_number: int
    image: ImageReference
    """The image with its digest, see `ImageSource.resolve`."""
    credentials: RegistryCredentials | None = field(default=None, repr=False)
    """The credentials for the registry, or None to pull anonymously."""


@frozen(kw_only=True)
class PulledImage:
    """A pulled image, with the parts of its configuration that decide how it is run."""

    artifact: Artifact
    """The artifact, which the builder finds and removes like one that it built."""
    command: tuple[str, ...] = ()
    """The entrypoint and the command. Empty if the image has neither."""
    ports: tuple[int, ...] = ()
    """The TCP ports that the image exposes, in ascending order."""


class ImageSource(Protocol):
    """
    Pulls images from registries.

    Both methods raise RuntimeUnavailableError if the container engine does not respond.
    """

    async def resolve(
        self,
        image: ImageReference,
        credentials: RegistryCredentials | None,
        /,
        *,
        timeout: timedelta,
    ) -> ImageReference:
        """
        Return *image* with the digest that its tag has in the registry now.

        An image that already has a digest is returned without a request.

        Raises:
            SourceError: If the registry refuses, does not have the tag, or does not respond in
                time. The message names the image and a remedy.
        """
        ...

    async def pull(
        self, request: PullRequest, /, *, timeout: timedelta, on_progress: Reporter
    ) -> PulledImage:
        """
        Pull an image and keep it as the artifact of the lease, so that it can run without the
        registry.

        Pulling again under the same lease is harmless. A pull that fails or is canceled leaves no
        artifact behind.

        Args:
            request: The image, pinned by its digest.
            timeout: The maximum duration of the whole pull.
            on_progress: A callback that receives sentences about the progress, for the build log.

        Raises:
            SourceError: If the image cannot be pulled. The message names the image and a remedy.
            PlatformFaultError: If the host caused the failure.
        """
        ...
