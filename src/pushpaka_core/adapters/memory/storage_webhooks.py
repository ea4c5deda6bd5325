"""Webhooks and what came by them, kept in memory."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_members import is_visible
from pushpaka_core.adapters.memory.storage_tables import Tables, remove_webhooks
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.webhooks import Webhook, WebhookDelivery, WebhookId
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleWebhooks:
    """The webhooks that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: WebhookId, /) -> Webhook:
        """Return one webhook."""
        webhook = self._tables.webhooks.get(id, "webhook")
        if not self._sees(webhook):
            raise NotFoundError("webhook")
        return webhook

    async def all(self) -> Sequence[Webhook]:
        """Return all of them, the newest first."""
        visible = self._tables.webhooks.where(self._sees)
        return sorted(visible, key=lambda w: (w.created_at, w.id), reverse=True)

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Webhook]:
        """Return those of one project, the newest first."""
        return [webhook for webhook in await self.all() if webhook.project_id == project_id]

    def _sees(self, webhook: Webhook) -> bool:
        return is_visible(self._tables, webhook.project_id, self._actor)


@frozen
class MemoryWebhooks:
    """Webhooks, by owner of their project."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleWebhooks:
        """Return what *actor* may see."""
        return MemoryVisibleWebhooks(self._tables, actor)

    async def put(self, webhook: Webhook, /) -> None:
        """Keep a new or changed webhook."""
        self._tables.projects.get(webhook.project_id, "project")
        self._tables.webhooks.put(webhook.id, webhook)

    async def remove(self, webhook: Webhook, /) -> None:
        """Take a webhook away, with its deliveries."""
        remove_webhooks(self._tables, lambda each: each.id == webhook.id)

    async def has(self, delivery: WebhookDelivery, /) -> bool:
        """Tell whether the same delivery has been noted."""
        return (delivery.webhook_id, delivery.digest) in self._tables.webhook_deliveries

    async def note(self, delivery: WebhookDelivery, /) -> None:
        """Note that a delivery has come."""
        self._tables.webhooks.get(delivery.webhook_id, "webhook")
        self._tables.webhook_deliveries.add((delivery.webhook_id, delivery.digest), delivery)

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of deliveries that came before a time."""
        self._tables.webhook_deliveries.remove_where(lambda each: each.received_at < before)
