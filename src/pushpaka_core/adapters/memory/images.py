"""An image source for tests whose registry is a dictionary."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from anyio import fail_after, sleep_forever
from attrs import define, field, frozen

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.domain.projects.images import ImageReference, RegistryCredentials
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.images import PulledImage, PullRequest
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class MemoryImage:
    """An image of a registry."""

    content: str = ""
    """The content, which determines the digest."""
    command: tuple[str, ...] = ("serve",)
    ports: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Return the digest."""
        return f"sha256:{sha256(repr(self).encode()).hexdigest()}"


@define(kw_only=True)
class MemoryImageSource:
    """Pulls the images in `images`."""

    images: dict[str, MemoryImage] = field(factory=dict)
    """The images, by reference with tag. A test changes an entry to push a tag again."""
    credentials: Mapping[str, str] = field(factory=dict)
    """The "USER:PASSWORD" that each private registry requires, by host."""
    is_hanging: bool = False
    """Whether registries do not respond, until the call is canceled or times out."""
    pulled: list[str] = field(factory=list, init=False)
    """All pulled images with their digests, oldest first."""
    _builder: MemoryBuilder

    async def resolve(
        self,
        image: ImageReference,
        credentials: RegistryCredentials | None,
        /,
        *,
        timeout: timedelta,
    ) -> ImageReference:
        """Return the image with the digest of its tag in `images`."""
        if image.digest:
            return image
        await self._respond(image, credentials, timeout)
        found = self.images.get(str(image))
        if found is None:
            raise SourceError(
                f"The image {image} could not be pulled: its registry has no such image."
            )
        return image.with_digest(found.digest)

    async def pull(
        self, request: PullRequest, /, *, timeout: timedelta, on_progress: Reporter
    ) -> PulledImage:
        """Pull an image of `images`, and add it to the builder as an artifact."""
        image, lease = request.image, request.lease
        await on_progress(f"Pulling the image {image}")
        await self._respond(image, request.credentials, timeout)
        found = next((one for one in self.images.values() if one.digest == image.digest), None)
        if found is None:
            raise SourceError(
                f"The image {image} could not be pulled: its registry has no such image."
            )
        name = f"{lease.deployment_id}.{lease.fence}"
        self._builder.add_artifact(name, lease)
        self.pulled.append(str(image))
        return PulledImage(
            artifact=Artifact(name=name, digest=found.digest, image=str(image)),
            command=found.command,
            ports=found.ports,
        )

    async def _respond(
        self, image: ImageReference, credentials: RegistryCredentials | None, timeout: timedelta
    ) -> None:
        """Wait like a slow registry, and check the credentials."""
        if self.is_hanging:
            try:
                with fail_after(timeout.total_seconds()):
                    await sleep_forever()
            except TimeoutError:
                raise SourceError(
                    f"The image {image} could not be pulled: its registry is not responding."
                ) from None
        required = self.credentials.get(image.registry)
        if required is not None and credentials != RegistryCredentials.of(required):
            raise SourceError(
                f"The image {image} could not be pulled: its registry has no such image, or the "
                "image is private."
            )
