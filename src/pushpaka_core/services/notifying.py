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
    News,
    Notification,
    Occasion,
    Trial,
    masked,
    signed_headers,
)
from pushpaka_core.domain.outbox import OutboxMessage
from pushpaka_core.errors import DeliveryRefusedError, ReceiverUnavailableError
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
        await self._tell(channel, message, notification)

    async def send_trial(self, message: OutboxMessage) -> None:
        """
        Send what somebody wants to see coming, once.

        Raises:
            NotFoundError: If its channel is gone.
            DeliveryRefusedError: If it is not taken.
        """
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(message.project_id)
            channel_id = ChannelId(UUID(message.target))
            channel = await uow.channels.visible_to(PLATFORM).get(channel_id)
        try:
            await self._tell(channel, message, Trial(project=project, at=self._now()))
        except ReceiverUnavailableError as error:
            raise DeliveryRefusedError(str(error)) from error

    async def _tell(self, channel: Channel, message: OutboxMessage, news: News) -> None:
        """Send *news*, and keep how that went where the owner of the channel sees it."""
        url = self._cipher.decrypt(channel.url, context=Channel.context_of(channel.id, "url"))
        try:
            await self._deliver(channel, url, message, news)
        except (ReceiverUnavailableError, DeliveryRefusedError) as error:
            await self._note(channel.missed(masked(str(error), url=url)))
            raise
        await self._note(channel.told(at=self._now()))

    async def _deliver(
        self, channel: Channel, url: str, message: OutboxMessage, news: News
    ) -> None:
        if channel.secret is None:
            await self._messenger.tell(url, title=news.title, text=news.text)
            return
        context = Channel.context_of(channel.id, "secret")
        secret = self._cipher.decrypt(channel.secret, context=context)
        body = json.dumps(news.document).encode()
        headers = signed_headers(message.id, body, secret, at=self._now())
        await self._poster.post(url, headers=headers, body=body)

    async def _note(self, channel: Channel) -> None:
        async with self._storage.transaction() as uow:
            await uow.channels.note(channel)
