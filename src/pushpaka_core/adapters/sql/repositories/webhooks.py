"""Webhooks and their deliveries in the database."""

from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.project_entities import SqlProjectEntities
from pushpaka_core.adapters.sql.schema import webhook_deliveries
from pushpaka_core.domain.integrations.webhooks import WEBHOOKS, Webhook, WebhookDelivery, WebhookId
from pushpaka_core.domain.projects.entities import EntityType


@frozen
class SqlWebhooks(SqlProjectEntities[WebhookId, Webhook]):
    """SQL implementation of `Webhooks`."""

    _type: EntityType[WebhookId, Webhook] = WEBHOOKS

    async def has_delivery(self, delivery: WebhookDelivery, /) -> bool:
        noted = sa.select(sa.literal(1)).where(
            webhook_deliveries.c.webhook_id == delivery.webhook_id,
            webhook_deliveries.c.digest == delivery.digest,
        )
        return await self._statements.scalar(noted) is not None

    async def record_delivery(self, delivery: WebhookDelivery, /) -> None:
        await self._statements.insert(webhook_deliveries, delivery)

    async def remove_deliveries(self, cutoff: datetime, /) -> None:
        is_old = webhook_deliveries.c.received_at < cutoff
        await self._statements.run(sa.delete(webhook_deliveries).where(is_old))
