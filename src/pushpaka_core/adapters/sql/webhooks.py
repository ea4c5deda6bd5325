"""Webhooks and what came by them, kept in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen_by
from pushpaka_core.adapters.sql.schema import webhook_deliveries, webhooks
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.webhooks import Webhook, WebhookDelivery, WebhookId


@frozen
class SqlVisibleWebhooks:
    """The webhooks that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: WebhookId, /) -> Webhook:
        """Return one webhook."""
        return await self._statements.get(Webhook, webhooks, webhooks.c.id == id, self._is_seen)

    async def all(self) -> Sequence[Webhook]:
        """Return all of them, the newest first."""
        return await self._newest_first()

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Webhook]:
        """Return those of one project, the newest first."""
        return await self._newest_first(webhooks.c.project_id == project_id)

    async def _newest_first(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Webhook]:
        newest = webhooks.c.created_at.desc(), webhooks.c.id.desc()
        query = sa.select(webhooks).where(self._is_seen, *conditions).order_by(*newest)
        return await self._statements.all(Webhook, query)

    @property
    def _is_seen(self) -> sa.ColumnElement[bool]:
        return belonging_seen_by(self._actor, webhooks.c.project_id)


@frozen
class SqlWebhooks:
    """Webhooks, by owner of their project."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleWebhooks:
        """Return what *actor* may see."""
        return SqlVisibleWebhooks(self._statements, actor)

    async def put(self, webhook: Webhook, /) -> None:
        """Keep a new or changed webhook."""
        await self._statements.put(webhooks, webhook)

    async def remove(self, webhook: Webhook, /) -> None:
        """Take a webhook away, with its deliveries."""
        await self._statements.run(sa.delete(webhooks).where(webhooks.c.id == webhook.id))

    async def has(self, delivery: WebhookDelivery, /) -> bool:
        """Tell whether the same delivery has been noted."""
        noted = sa.select(sa.literal(1)).where(
            webhook_deliveries.c.webhook_id == delivery.webhook_id,
            webhook_deliveries.c.digest == delivery.digest,
        )
        return await self._statements.scalar(noted) is not None

    async def note(self, delivery: WebhookDelivery, /) -> None:
        """Note that a delivery has come."""
        await self._statements.insert(webhook_deliveries, delivery)

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of deliveries that came before a time."""
        is_old = webhook_deliveries.c.received_at < before
        await self._statements.run(sa.delete(webhook_deliveries).where(is_old))
