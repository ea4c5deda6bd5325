"""Sends queued notifications to their channels."""

import json
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.integrations.notifications import (
    CHANNELS,
    ChannelId,
    DeploymentNotification,
    NotificationChannel,
    NotificationContent,
    NotificationTrigger,
    TestNotification,
    VolumeNotification,
    mask_host,
    signed_headers,
)
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.errors import DeliveryRejectedError, NotFoundError, ReceiverUnavailableError
from pushpaka_core.ports.outbound import NotificationGateway, WebhookClient
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock


@frozen(kw_only=True)
class NotificationSender:
    """Sends notifications as signed webhook requests, or through the services of Apprise."""

    _storage: Storage
    _cipher: SecretCipher
    _webhook_client: WebhookClient
    _notification_gateway: NotificationGateway
    _public_urls: PublicUrls
    _now: Clock

    async def send(self, message: OutboxMessage) -> None:
        """
        Send a notification about a deployment, and record the result in its channel.

        Raises:
            NotFoundError: If the channel, the deployment or the project was deleted.
            ReceiverUnavailableError: If the delivery failed and can be retried.
            DeliveryRejectedError: If the receiver rejected the notification for good.
        """
        content = json.loads(message.body)
        deployment_id = DeploymentId(UUID(content["deployment_id"]))
        project, channel = await self._receiver_of(message)
        async with self._storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
        notification = DeploymentNotification(
            trigger=NotificationTrigger(content["occasion"]),
            project=project,
            deployment=deployment,
            url=self._public_urls.app_url(deployment),
            error=content["error"],
            occurred_at=datetime.fromisoformat(content["at"]),
        )
        await self._send_and_record(channel, message, notification)

    async def send_about_volume(self, message: OutboxMessage) -> None:
        """
        Send a notification about a volume, and record the result in its channel.

        Raises:
            NotFoundError: If the channel or the project was deleted.
            ReceiverUnavailableError: If the delivery failed and can be retried.
            DeliveryRejectedError: If the receiver rejected the notification for good.
        """
        content = json.loads(message.body)
        project, channel = await self._receiver_of(message)
        notification = VolumeNotification(
            project=project,
            volume=content["volume"],
            alarm=VolumeAlarm(content["alarm"]),
            error=content["error"],
            occurred_at=datetime.fromisoformat(content["at"]),
        )
        await self._send_and_record(channel, message, notification)

    async def send_test(self, message: OutboxMessage) -> None:
        """
        Send a test notification without retries, and record the result in its channel.

        Raises:
            NotFoundError: If the channel or the project was deleted.
            DeliveryRejectedError: If the notification was not delivered.
        """
        project, channel = await self._receiver_of(message)
        try:
            await self._send_and_record(
                channel, message, TestNotification(project=project, occurred_at=self._now())
            )
        except ReceiverUnavailableError as error:
            raise DeliveryRejectedError(str(error)) from error

    async def _receiver_of(self, message: OutboxMessage) -> tuple[Project, NotificationChannel]:
        """
        Return the project and the channel of a message. Raise NotFoundError if one was
        deleted.
        """
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(message.project_id)
            channel_id = ChannelId(UUID(message.target))
            channel = await uow.entities(CHANNELS).visible_to(PLATFORM).get(channel_id)
        return project, channel

    async def _send_and_record(
        self, channel: NotificationChannel, message: OutboxMessage, content: NotificationContent
    ) -> None:
        """Send *content*, and record success or failure in the channel for its owner to see."""
        url = self._cipher.decrypt(
            channel.url, context=NotificationChannel.context_of(channel.id, "url")
        )
        try:
            await self._deliver(channel, url, message, content)
        except (ReceiverUnavailableError, DeliveryRejectedError) as error:
            await self._record_result(channel.id, error=mask_host(str(error), url=url))
            raise
        await self._record_result(channel.id, error=None)

    async def _deliver(
        self,
        channel: NotificationChannel,
        url: str,
        message: OutboxMessage,
        content: NotificationContent,
    ) -> None:
        if channel.secret is None:
            await self._notification_gateway.send(url, title=content.title, body=content.text)
            return
        context = NotificationChannel.context_of(channel.id, "secret")
        secret = self._cipher.decrypt(channel.secret, context=context)
        body = json.dumps(content.document).encode()
        headers = signed_headers(message.id, body, secret, sent_at=self._now())
        await self._webhook_client.post(url, headers=headers, body=body)

    async def _record_result(self, id: ChannelId, *, error: str | None) -> None:
        """Record the result, unless the channel was deleted in the meantime."""
        async with self._storage.transaction() as uow:
            with suppress(NotFoundError):
                # Read again to lock the row: its secrets may be rotated at the same time.
                channel = await uow.entities(CHANNELS).visible_to(PLATFORM).get(id)
                await uow.entities(CHANNELS).update(
                    channel.after_delivery(now=self._now())
                    if error is None
                    else channel.after_failure(error)
                )
