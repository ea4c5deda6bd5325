"""Tests the webhooks of registries: which pushed images are deployed."""

import pytest
from attrs import evolve
from tests.webhook_deliveries import DIGEST, Delivery, image_pushed

from pushpaka_core.domain.integrations.git_providers.events import IgnoredEvent
from pushpaka_core.domain.integrations.image_pushes import DeployImage
from pushpaka_core.domain.integrations.webhooks import (
    PROVIDER_APIS,
    GitProvider,
    NewWebhook,
    WebhookAction,
    actions_for,
)
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.integrations import a_webhook
from pushpaka_core.testing.objects.projects import a_project

SENDERS = [GitProvider.GITHUB, GitProvider.DOCKER_HUB, GitProvider.REGISTRY]
PROJECT = a_project(a_user(), repo_url="image:ghcr.io/acme/shop:1.5")


def action_of(
    delivery: Delivery, project: Project = PROJECT, tags: str | None = None
) -> WebhookAction:
    api = PROVIDER_APIS[delivery.git_provider]
    message = api.message(delivery.lower_case_headers("secret"), delivery.body)
    webhook = a_webhook(project, provider=delivery.git_provider, tags=tags)
    (action,) = actions_for(message, webhook, project)
    return action


def deployed_image(action: WebhookAction) -> str:
    assert isinstance(action, DeployImage)
    return str(action.image)


@pytest.mark.parametrize("sender", SENDERS)
def test_pushed_tag_of_the_project_is_deployed(sender: GitProvider) -> None:
    """If the sender says which digest was pushed, exactly this one is deployed."""
    digest = "" if sender is GitProvider.DOCKER_HUB else f"@{DIGEST}"

    action = action_of(image_pushed(sender))

    assert f"ghcr.io/acme/shop:1.5{digest}" == deployed_image(action)


@pytest.mark.parametrize(
    ("tags", "tag", "is_deployed"),
    [
        (None, "1.6", False),
        ("1.*", "1.6", True),
        ("1.*", "2.0", False),
        ("*", "latest", True),
        ("*", "bad tag", False),
        ("1.6", "1.6", True),
        ("1.6", "1.5", False),
    ],
)
def test_other_tags_are_deployed_if_they_match(
    tags: str | None, tag: str, *, is_deployed: bool
) -> None:
    action = action_of(image_pushed(GitProvider.DOCKER_HUB, tag), tags=tags)

    assert is_deployed is isinstance(action, DeployImage)
    if isinstance(action, IgnoredEvent):
        assert f"deploys only {tags or '1.5'}, not {tag}." in action.reason


@pytest.mark.parametrize(
    ("project", "reason"),
    [
        (evolve(PROJECT, repo_url="image:ghcr.io/acme/other:1.5"), "is for acme/shop, but"),
        (evolve(PROJECT, repo_url="archive:"), "does not deploy images"),
        (evolve(PROJECT, auto_deploy=False), "auto_deploy is off"),
    ],
)
def test_other_pushes_are_ignored(project: Project, reason: str) -> None:
    action = action_of(image_pushed(GitProvider.REGISTRY), project)

    assert isinstance(action, IgnoredEvent)
    assert reason in action.reason


@pytest.mark.parametrize(
    "payload",
    [
        {"registry_package": {"package_version": {"container_metadata": None}}},
        {"registry_package": {"package_version": {"container_metadata": {"tag": {"name": ""}}}}},
    ],
)
def test_package_without_a_tag_is_ignored(payload: dict[str, object]) -> None:
    delivery = Delivery(git_provider=GitProvider.GITHUB, event="registry_package", payload=payload)

    assert IgnoredEvent(reason="No tag was pushed.") == action_of(delivery)


def test_notification_without_a_pushed_tag_is_ignored() -> None:
    events = image_pushed(GitProvider.REGISTRY).payload["events"][:2]
    delivery = Delivery(git_provider=GitProvider.REGISTRY, event="", payload={"events": events})

    assert IgnoredEvent(reason="No tag was pushed.") == action_of(delivery)


def test_invalid_digest_is_not_used() -> None:
    action = action_of(image_pushed(GitProvider.REGISTRY, digest="sha256:../../etc"))

    assert "ghcr.io/acme/shop:1.5" == deployed_image(action)


@pytest.mark.parametrize("sender", [GitProvider.DOCKER_HUB, GitProvider.REGISTRY])
def test_only_the_secret_in_the_url_authenticates_a_registry(sender: GitProvider) -> None:
    api, body = PROVIDER_APIS[sender], image_pushed(sender).body

    assert api.is_authentic({}, body, "secret", url_secret="secret")
    assert not api.is_authentic({}, body, "secret", url_secret="another")
    assert not api.is_authentic({"": "secret"}, body, "secret")


@pytest.mark.parametrize("tags", ["", "a b", "[1]", "1/2"])
def test_malformed_patterns_are_rejected(tags: str) -> None:
    with pytest.raises(InvalidInputError, match="must be a tag or a pattern"):
        NewWebhook(project_id=PROJECT.id, provider=GitProvider.REGISTRY, tags=tags)
