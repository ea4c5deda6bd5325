"""Pulls the images of applications to the engine, and tags them for the platform."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from anyio import fail_after
from attrs import frozen

from pushpaka_core.adapters.docker.engine import Engine, translated_errors
from pushpaka_core.adapters.docker.image_puller import ImagePuller
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.docker.pull_errors import (
    NO_ANSWER,
    app_image_error,
    app_image_timeout,
)
from pushpaka_core.domain.projects.images import ImageReference, RegistryCredentials
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.images import PulledImage, PullRequest
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class DockerImageSource:
    """
    Pulls images through the engine.

    The engine keeps a pulled image under a tag of the platform, like an image that the platform
    built.
    """

    _engine: Engine
    _labels: Labels
    _registry_timeout: float = 60
    """Seconds without data from the registry after which a pull fails."""

    async def resolve(
        self,
        image: ImageReference,
        credentials: RegistryCredentials | None,
        /,
        *,
        timeout: timedelta,
    ) -> ImageReference:
        """Ask the registry for the digest of the tag, through the engine."""
        if image.digest:
            return image
        with translated_errors():
            try:
                response = await self._engine.streams.get(
                    f"/distribution/{image}/json",
                    headers=_headers(credentials),
                    timeout=timeout.total_seconds(),
                )
            except httpx.ReadTimeout:
                await self._engine.check()
                raise _error(credentials, str(image), NO_ANSWER) from None
        document = response.json()
        if response.is_error:
            raise _error(credentials, str(image), document["message"])
        return image.with_digest(document["Descriptor"]["digest"])

    async def pull(
        self, request: PullRequest, /, *, timeout: timedelta, on_progress: Reporter
    ) -> PulledImage:
        """
        Pull an image by its digest.

        The image is tagged with the lease, so that each attempt to deploy it has its own tag.
        """
        image, name = request.image, self._labels.image(request.project_number, request.lease)
        puller = ImagePuller(
            engine=self._engine,
            registry_timeout=self._registry_timeout,
            headers=_headers(request.credentials),
            error_of=partial(_error, request.credentials),
        )
        await on_progress(f"Pulling the image {image}")
        try:
            with fail_after(timeout.total_seconds()):
                await puller.pull(image.pull_reference, on_progress)
        except TimeoutError:
            await self._engine.check()
            raise app_image_timeout(str(image), timeout) from None
        config = await self._engine.call(self._tag, image.pull_reference, name)
        return PulledImage(
            artifact=Artifact(name=name, digest=str(image.digest), image=str(image)),
            command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
            ports=_tcp_ports(config.get("ExposedPorts") or {}),
        )

    def _tag(self, pulled: str, name: str) -> Mapping[str, Any]:
        """Tag a pulled image with *name*, and return its configuration."""
        image = self._engine.client.images.get(pulled)
        image.tag(*name.rsplit(":", 1))
        config: Mapping[str, Any] = image.attrs["Config"]
        return config


def _headers(credentials: RegistryCredentials | None) -> Mapping[str, str]:
    """Return the header with which the engine signs in to a registry."""
    if credentials is None:
        return {}
    account = {"username": credentials.user, "password": credentials.password}
    return {"X-Registry-Auth": urlsafe_b64encode(json.dumps(account).encode()).decode()}


def _error(credentials: RegistryCredentials | None, image: str, message: str) -> SourceError:
    return app_image_error(image, message, has_credentials=credentials is not None)


def _tcp_ports(exposed: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the TCP ports in *exposed*, the keys of which have the form "80/tcp"."""
    ports = (port.partition("/") for port in exposed)
    return tuple(sorted(int(number) for number, _, protocol in ports if protocol != "udp"))
