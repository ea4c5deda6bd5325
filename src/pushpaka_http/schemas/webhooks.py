"""How webhooks look, and what forges are answered."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.webhooks import Forge, Webhook, WebhookId
from pushpaka_http.base_path import BASE_PATH

if TYPE_CHECKING:
    from pushpaka_core.services.deliveries import Receipt
    from pushpaka_core.services.webhooks import IssuedWebhook


@frozen(kw_only=True, slots=False)
class WebhookResponse:
    """An address for a forge; its secret is shown when it is made, and never again."""

    id: WebhookId
    project_id: ProjectId
    provider: Forge
    url: str
    secret: str | None = field(repr=False)
    previews: bool
    forks: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook, addresses: Addresses, secret: str | None = None) -> Self:
        """Show *webhook*, and the *secret* to whom it is issued."""
        api = addresses.url(addresses.api_host)
        return cls(
            id=webhook.id,
            project_id=webhook.project_id,
            provider=webhook.provider,
            url=f"{api}{BASE_PATH}/webhooks/{webhook.id}/receive",
            secret=secret,
            previews=webhook.previews,
            forks=webhook.forks,
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
        )

    @classmethod
    def issued(cls, issued: "IssuedWebhook", addresses: Addresses) -> Self:
        """Show a webhook to its owner, with its secret."""
        return cls.of(issued.webhook, addresses, issued.secret)


@frozen(kw_only=True, slots=False)
class ReceiptResponse:
    """What came of a delivery: sentences, and the deployments that it made."""

    message: str
    deployment_ids: list[DeploymentId]

    @classmethod
    def of(cls, receipt: "Receipt") -> Self:
        """Show *receipt*."""
        return cls(message=receipt.message, deployment_ids=list(receipt.deployment_ids))
