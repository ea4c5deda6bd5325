"""Tells whom owners have named what is in the outbox for them."""

import json
from datetime import datetime
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.notifications import (
    Channel,
    ChannelId,
    Notification,
    Occasion,
    signed_headers,
)
from pushpaka_core.domain.outbox import OutboxMessage
from pushpaka_core.ports.messenger import Messenger
from pushpaka_core.ports.poster import Poster
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock


@frozen(kw_only=True)
class NotificationSender:
    """Sends notifications, to programs by signed requests and to people by their services."""

    _storage: Storage
    _cipher: Cipher
    _poster: Poster
    _messenger: Messenger
    _addresses: Addresses
    _now: Clock

    async def send(self, message: OutboxMessage) -> None:
        """
        Send one notification.

        Raises:
            NotFoundError: If its channel is gone, and so nobody wants to know.
            ReceiverUnavailableError: If it may be taken later.
            DeliveryRefusedError: If it will not be.
        """
        told = json.loads(message.body)
        deployment_id = DeploymentId(UUID(told["deployment_id"]))
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(message.project_id)
            deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
            channel_id = ChannelId(UUID(message.target))
            channel = await uow.channels.visible_to(PLATFORM).get(channel_id)
        notification = Notification(
            occasion=Occasion(told["occasion"]),
            project=project,
            deployment=deployment,
            url=self._addresses.url(self._addresses.host_for_visitors(deployment)),
            error=told["error"],
            at=datetime.fromisoformat(told["at"]),
        )
        url = self._cipher.decrypt(channel.url, context=Channel.context_of(channel.id, "url"))
        if channel.secret is None:
            await self._messenger.tell(url, title=notification.title, text=notification.text)
            return
        context = Channel.context_of(channel.id, "secret")
        secret = self._cipher.decrypt(channel.secret, context=context)
        body = json.dumps(notification.document).encode()
        headers = signed_headers(message.id, body, secret, at=self._now())
        await self._poster.post(url, headers=headers, body=body)
