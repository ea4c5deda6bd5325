"""Webhooks and the outbox in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage.project_entities import MemoryProjectEntities
from pushpaka_core.adapters.memory.storage.tables import Tables
from pushpaka_core.domain.ids import OutboxMessageId, UserId
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.integrations.webhooks import WEBHOOKS, Webhook, WebhookDelivery, WebhookId
from pushpaka_core.domain.projects.entities import EntityType


@frozen
class MemoryWebhooks(MemoryProjectEntities[WebhookId, Webhook]):
    """In-memory implementation of `Webhooks`."""

    _type: EntityType[WebhookId, Webhook] = WEBHOOKS

    async def has_delivery(self, delivery: WebhookDelivery, /) -> bool:
        return (delivery.webhook_id, delivery.digest) in self._tables.webhook_deliveries

    async def record_delivery(self, delivery: WebhookDelivery, /) -> None:
        self._tables.entities.get(delivery.webhook_id, "webhook")
        self._tables.webhook_deliveries.add((delivery.webhook_id, delivery.digest), delivery)

    async def remove_deliveries(self, cutoff: datetime, /) -> None:
        self._tables.webhook_deliveries.remove_where(lambda each: each.received_at < cutoff)


@frozen
class MemoryOutbox:
    """In-memory implementation of `Outbox`."""

    _tables: Tables

    async def add(self, message: OutboxMessage, /) -> None:
        self._tables.projects.get(message.project_id, "project")
        self._tables.outbox.add(message.id, message)

    async def list_due(
        self, now: datetime, /, *, limit: int, limit_per_owner: int
    ) -> Sequence[OutboxMessage]:
        newest_first = reversed(list(self._tables.outbox))
        oldest = {(message.kind, message.target): message for message in newest_first}
        places = {message.id: place for place, message in enumerate(self._tables.outbox)}
        come = sorted(
            (message for message in oldest.values() if message.next_at <= now),
            key=lambda message: (message.next_at, places[message.id]),
        )
        counted: Counter[tuple[str, UserId]] = Counter()
        turns: dict[OutboxMessageId, int] = {}
        for message in come:
            owner = self._tables.projects.get(message.project_id, "project").user_id
            counted[message.kind, owner] += 1
            turns[message.id] = counted[message.kind, owner]
        in_turn = sorted(come, key=lambda message: turns[message.id])
        return [message for message in in_turn if turns[message.id] <= limit_per_owner][:limit]

    async def has_message(self, *, kind: str, target: str) -> bool:
        return any((m.kind, m.target) == (kind, target) for m in self._tables.outbox)

    async def store_attempt(self, message: OutboxMessage, /) -> None:
        if message.id in self._tables.outbox:
            self._tables.outbox.put(message.id, message)

    async def remove(self, message: OutboxMessage, /) -> None:
        self._tables.outbox.remove(message.id)
