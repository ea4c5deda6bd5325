"""Response bodies for webhooks and their deliveries."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.integrations.webhooks import GitProvider, Webhook, WebhookId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.schemas.conversions import from_attributes

if TYPE_CHECKING:
    from pushpaka_core.services.deployments.webhook_deliveries import DeliveryResult
    from pushpaka_core.services.integrations.webhooks import IssuedWebhook


@frozen(kw_only=True, slots=False)
class WebhookResponse:
    """
    A webhook of a project. `secret` is set only in the response that creates the webhook or
    rotates its secret.
    """

    id: WebhookId
    """Id of the webhook."""
    project_id: ProjectId
    """Id of the project."""
    provider: GitProvider
    """Git provider or registry that sends the deliveries."""
    url: str = field(repr=False)
    """
    URL to enter at the Git provider or registry.

    For Docker Hub and other registries, the URL contains the secret in the response that creates
    the webhook or rotates its secret.
    """
    secret: str | None = field(repr=False)
    """
    Secret to enter at the Git provider; null except in the response that creates or rotates it.
    """
    previews: bool
    """Whether other branches and pull requests are deployed as previews."""
    forks: bool
    """Whether pull requests from forks are deployed as previews too."""
    tags: str | None
    """Pattern for the image tags to deploy; null for the tag of the project's image."""
    created_at: datetime
    """When the webhook was created."""
    updated_at: datetime
    """When the webhook's secret was last replaced."""

    @classmethod
    def of(cls, webhook: Webhook, public_urls: PublicUrls, secret: str | None = None) -> Self:
        """Return the response for *webhook*, with *secret* if it is new."""
        url = f"{public_urls.url(public_urls.api_host)}{BASE_PATH}/webhooks/{webhook.id}/receive"
        if secret is not None and webhook.provider_api.has_secret_in_url:
            url += f"?secret={secret}"
        return from_attributes(cls, webhook, url=url, secret=secret)

    @classmethod
    def from_issued(cls, issued_webhook: "IssuedWebhook", public_urls: PublicUrls) -> Self:
        """Return the response for a new or rotated webhook, with its secret."""
        return cls.of(issued_webhook.webhook, public_urls, issued_webhook.secret)


@frozen(kw_only=True, slots=False)
class ReceiptResponse:
    """The result of a delivery: a message, and the deployments that it created."""

    message: str
    """What the delivery triggered, in a sentence."""
    deployment_ids: list[DeploymentId]
    """Ids of the deployments that the delivery created."""

    @classmethod
    def of(cls, receipt: "DeliveryResult") -> Self:
        """Return the response for *receipt*."""
        return cls(message=receipt.message, deployment_ids=list(receipt.deployment_ids))
