"""Repositories of webhooks and the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.integrations.webhooks import Webhook, WebhookDelivery, WebhookId
from pushpaka_core.ports.storage.project_entities import ProjectEntities


class Webhooks(ProjectEntities[WebhookId, Webhook], Protocol):
    """Webhooks of projects, and the deliveries that they have received."""

    async def has_delivery(self, delivery: WebhookDelivery, /) -> bool:
        """Return True if the same delivery has been recorded before."""
        ...

    async def record_delivery(self, delivery: WebhookDelivery, /) -> None:
        """
        Record a delivery.

        Raises:
            DuplicateError: If the same delivery has been recorded before.
        """

    async def remove_deliveries(self, cutoff: datetime, /) -> None:
        """Delete the records of deliveries received before *cutoff*."""


class Outbox(Protocol):
    """Outgoing messages that have not been delivered yet, in the order in which they were added."""

    async def add(self, message: OutboxMessage, /) -> None:
        """
        Add a message.

        Call it in the transaction of the change that the message is about.
        """

    async def list_due(
        self, now: datetime, /, *, limit: int, limit_per_owner: int
    ) -> Sequence[OutboxMessage]:
        """
        Return the messages that are due at *now*, longest due first.

        Messages of the same kind and target are sent in order, so only the oldest of these is
        returned. The result alternates between project owners, so that one owner cannot delay the
        others.

        Args:
            now: The current time.
            limit: The maximum number of messages.
            limit_per_owner: The maximum number of messages for each kind and project owner.
        """
        ...

    async def has_message(self, *, kind: str, target: str) -> bool:
        """Return True if there is a message of this kind to this target."""
        ...

    async def store_attempt(self, message: OutboxMessage, /) -> None:
        """Store the attempts and the next attempt time of a message, if it still exists."""

    async def remove(self, message: OutboxMessage, /) -> None:
        """Delete a message. Idempotent."""
