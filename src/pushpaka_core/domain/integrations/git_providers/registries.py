"""
The webhooks of registries: Docker Hub, and registries with the CNCF distribution format.

They cannot sign deliveries, so the secret is in the URL.

https://docs.docker.com/docker-hub/repos/manage/webhooks/
https://distribution.github.io/distribution/about/notifications/
https://docs.github.com/en/webhooks/webhook-events-and-payloads#registry_package
"""

from collections.abc import Sequence

from pushpaka_core.domain.integrations.git_providers.events import (
    IgnoredEvent,
    ImagePushed,
    ProviderEvent,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.integrations.git_providers.provider_apis import ProviderApi, plain_secret
from pushpaka_core.domain.integrations.git_providers.repositories import PayloadRepository

_NO_TAG = IgnoredEvent(reason="No tag was pushed.")


def parse_package(package: Payload) -> ProviderEvent:
    """Return the event for a package of the GitHub Container Registry."""
    version = package.nested_object("package_version")
    metadata = _nested(version, "container_metadata")
    tag = _nested(metadata, "tag")
    if not tag.has("name") or not tag.string("name"):
        return _NO_TAG
    return ImagePushed(
        repository=f"{package.string('namespace')}/{package.string('name')}".lower(),
        tag=tag.string("name"),
        digest=tag.string("digest") if tag.has("digest") else None,
    )


def _docker_hub_events(_event: str, payload: Payload) -> Sequence[ProviderEvent]:
    repository, pushed = payload.nested_object("repository"), payload.nested_object("push_data")
    return [ImagePushed(repository=repository.string("repo_name"), tag=pushed.string("tag"))]


def _notification_events(_event: str, payload: Payload) -> Sequence[ProviderEvent]:
    """Return the pushed tags. Pushes of layers and of manifests without a tag have no effect."""
    pushed = [
        each.nested_object("target")
        for each in payload.objects("events")
        if each.string("action") == "push"
    ]
    return [
        ImagePushed(
            repository=target.string("repository"),
            tag=target.string("tag"),
            digest=target.string("digest"),
        )
        for target in pushed
        if target.has("tag")
    ] or [_NO_TAG]


def _nested(payload: Payload, name: str) -> Payload:
    return payload.nested_object(name) if payload.has(name) else Payload({})


def _no_repository(_payload: Payload) -> PayloadRepository:
    """Return an empty repository, because the payload is about an image."""
    return PayloadRepository()


DOCKER_HUB = ProviderApi(
    expected_signature=plain_secret,
    parse_events=_docker_hub_events,
    parse_repository=_no_repository,
)
DISTRIBUTION = ProviderApi(
    expected_signature=plain_secret,
    parse_events=_notification_events,
    parse_repository=_no_repository,
)
