"""
Contract tests for the `ImageSource` port.

Derive a test class from `ImageSourceContract` in a module with these fixtures:

- `image_source`: an image source;
- `builder`: the builder of the same platform, without artifacts;
- `registry`: a private registry that the image source can reach.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import pytest

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.projects.images import (
    ImageReference,
    RegistryCredentials,
    is_digest,
    parse_image,
)
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.images import ImageSource, PulledImage, PullRequest
from pushpaka_core.testing.applications import PROJECT_NUMBER, BuildRecorder, new_lease

_TIMEOUT = timedelta(seconds=60)


class ImageRegistry(Protocol):
    """A private registry that tests push images to."""

    @property
    def name(self) -> str:
        """Return the name of an image in the registry, without a tag."""
        ...

    @property
    def credentials(self) -> RegistryCredentials:
        """Return the credentials that the registry requires."""
        ...

    async def push(
        self, tag: str, *, command: Sequence[str] = ("serve",), ports: Sequence[int] = ()
    ) -> None:
        """Push a new image, with a content that differs from all earlier ones."""


class ImageSourceContract:
    """Tests that every adapter of the `ImageSource` port must pass."""

    async def test_tag_is_resolved_to_its_digest(
        self, image_source: ImageSource, registry: ImageRegistry
    ) -> None:
        await registry.push("1.4")

        found = await _resolve(image_source, registry, "1.4")

        assert is_digest(found.digest or "")
        assert f"{registry.name}:1.4@{found.digest}" == str(found)

    async def test_pulled_image_is_an_artifact(
        self, image_source: ImageSource, builder: Builder, registry: ImageRegistry
    ) -> None:
        """The builder finds and removes a pulled image like an artifact that it built."""
        await registry.push("1.4", command=["serve", "--all hosts"], ports=[8080, 80])
        image, lease, recorder = (
            await _resolve(image_source, registry, "1.4"),
            new_lease(),
            BuildRecorder(),
        )

        pulled = await _pull(image_source, registry, image, lease, recorder)

        artifact = pulled.artifact
        assert (image.digest, str(image)) == (artifact.digest, artifact.image)
        assert (("serve", "--all hosts"), (80, 8080)) == (pulled.command, pulled.ports)
        assert f"Pulling the image {image}" == recorder.messages[0]
        assert await builder.exists(artifact.name)
        assert {artifact.name: lease} == await builder.artifacts()
        await builder.remove(artifact.name)
        assert not await builder.exists(artifact.name)
        assert {} == await builder.artifacts()

    async def test_same_image_of_two_deployments_is_removed_separately(
        self, image_source: ImageSource, builder: Builder, registry: ImageRegistry
    ) -> None:
        await registry.push("1.4")
        image = await _resolve(image_source, registry, "1.4")
        one, other = [await _pull(image_source, registry, image) for _ in range(2)]

        await builder.remove(one.artifact.name)

        assert await builder.exists(other.artifact.name)
        await builder.remove(other.artifact.name)
        again = await _pull(image_source, registry, image)
        assert await builder.exists(again.artifact.name)

    async def test_moved_tag_does_not_change_what_is_pulled(
        self, image_source: ImageSource, registry: ImageRegistry
    ) -> None:
        await registry.push("1.4")
        image = await _resolve(image_source, registry, "1.4")
        await registry.push("1.4")

        moved = await _resolve(image_source, registry, "1.4")
        pinned = await image_source.resolve(image, registry.credentials, timeout=_TIMEOUT)

        assert (image, False) == (pinned, moved.digest == image.digest)

    async def test_missing_tag_is_refused(
        self, image_source: ImageSource, registry: ImageRegistry
    ) -> None:
        await registry.push("1.4")

        with pytest.raises(SourceError) as failure:
            await _resolve(image_source, registry, "1.5")

        assert f"The image {registry.name}:1.5 could not be pulled: its registry has no such" in (
            str(failure.value)
        )

    @pytest.mark.parametrize("password", [None, "wrong"])
    async def test_private_image_needs_credentials(
        self,
        image_source: ImageSource,
        builder: Builder,
        registry: ImageRegistry,
        password: str | None,
    ) -> None:
        await registry.push("1.4")
        user = registry.credentials.user
        credentials = RegistryCredentials(user=user, password=password) if password else None
        image = await _resolve(image_source, registry, "1.4")

        with pytest.raises(SourceError, match="the image is private"):
            await image_source.resolve(
                parse_image(f"{registry.name}:1.4"), credentials, timeout=_TIMEOUT
            )
        with pytest.raises(SourceError, match="the image is private"):
            await image_source.pull(
                PullRequest(
                    lease=new_lease(),
                    project_number=PROJECT_NUMBER,
                    image=image,
                    credentials=credentials,
                ),
                timeout=_TIMEOUT,
                on_progress=BuildRecorder().report,
            )
        assert {} == await builder.artifacts()


async def _resolve(image_source: ImageSource, registry: ImageRegistry, tag: str) -> ImageReference:
    image = parse_image(f"{registry.name}:{tag}")
    return await image_source.resolve(image, registry.credentials, timeout=_TIMEOUT)


async def _pull(
    image_source: ImageSource,
    registry: ImageRegistry,
    image: ImageReference,
    lease: Lease | None = None,
    recorder: BuildRecorder | None = None,
) -> PulledImage:
    return await image_source.pull(
        PullRequest(
            lease=lease or new_lease(),
            project_number=PROJECT_NUMBER,
            image=image,
            credentials=registry.credentials,
        ),
        timeout=_TIMEOUT,
        on_progress=(recorder or BuildRecorder()).report,
    )
