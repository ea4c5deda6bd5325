"""Webhooks, notification channels, messages and workers for tests."""

from typing import Any

from attrs import evolve

from pushpaka_core.domain.ids import OutboxMessageId, WorkerId
from pushpaka_core.domain.integrations.notifications import (
    ChannelId,
    NotificationChannel,
    NotificationTrigger,
)
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.integrations.webhooks import GitProvider, Webhook, WebhookId
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.testing.objects.values import NOON, a_secret, an_id, new_uuid, numbers


def a_channel(project: Project, **fields: Any) -> NotificationChannel:
    """Return a notification channel of *project* for all events."""
    standard = NotificationChannel(
        id=ChannelId(an_id()),
        project_id=project.id,
        service="slack",
        url=a_secret("url"),
        secret=None,
        events=tuple(NotificationTrigger),
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_webhook(project: Project, **fields: Any) -> Webhook:
    """Return a GitHub webhook of *project*, without previews."""
    standard = Webhook(
        id=WebhookId(an_id()),
        project_id=project.id,
        provider=GitProvider.GITHUB,
        previews=False,
        forks=False,
        secret=a_secret(),
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def an_outbox_message(project: Project, **fields: Any) -> OutboxMessage:
    """Return an outbox message of *project* that is due at NOON."""
    number = next(numbers)
    standard = OutboxMessage(
        id=OutboxMessageId(new_uuid(number)),
        project_id=project.id,
        kind="commit_status",
        target=f"target {number}",
        body="{}",
        next_at=NOON,
    )
    return evolve(standard, **fields)


def a_worker(**fields: Any) -> WorkerProcess:
    """Return a worker process that has just started."""
    number = next(numbers)
    standard = WorkerProcess(
        id=WorkerId(new_uuid(number)),
        name=f"node-1-{number}",
        node="node-1",
        version="1.2.3",
        runtime="process",
        concurrency=2,
        started_at=NOON,
        seen_at=NOON,
    )
    return evolve(standard, **fields)
