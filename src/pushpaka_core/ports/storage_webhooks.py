"""The part of the storage that keeps webhooks, and which of their deliveries have come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.webhooks import Webhook, WebhookDelivery, WebhookId


class VisibleWebhooks(Protocol):
    """The webhooks of the projects that somebody may see."""

    async def get(self, id: WebhookId, /) -> Webhook:
        """Return one webhook, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[Webhook]:
        """Return all of them, the newest first."""
        ...

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Webhook]:
        """Return those of one project, or of none that is visible: the newest first."""
        ...


class Webhooks(Protocol):
    """Webhooks, by owner of their project."""

    def visible_to(self, actor: Actor, /) -> VisibleWebhooks:
        """Return what *actor* may see."""
        ...

    async def put(self, webhook: Webhook, /) -> None:
        """Keep a new webhook, or a changed one with the same id."""

    async def remove(self, webhook: Webhook, /) -> None:
        """Take a webhook away, with its deliveries. Harmless to repeat."""

    async def has(self, delivery: WebhookDelivery, /) -> bool:
        """Tell whether the same delivery has been noted, at whatever time."""
        ...

    async def note(self, delivery: WebhookDelivery, /) -> None:
        """Note that a delivery has come; DuplicateError where it was noted."""

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of deliveries that came before a time."""
