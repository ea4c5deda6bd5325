"""Notification channels of projects, and the notifications queued for them."""

from collections.abc import Sequence
from datetime import timedelta

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.integrations.notifications import (
    CHANNELS,
    MAX_CHANNELS,
    TRIGGERS,
    ChannelId,
    NewNotificationChannel,
    NotificationChannel,
    NotificationTrigger,
    format_secret,
    is_webhook,
    scheme_of,
)
from pushpaka_core.domain.volumes.alarms import VolumeAlarm
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import ConflictError, InvalidInputError
from pushpaka_core.ports.outbound import NotificationGateway
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.integrations.outbox import Outbox

NOTIFICATION = "notification"
"""The kind of outbox messages about deployments. Their target is the channel id."""
VOLUME_NOTIFICATION = "volume_notification"
"""The kind of outbox messages about volumes. Their target is the channel id."""
TEST_NOTIFICATION = "notification_trial"
"""The kind of outbox messages that users send to test a channel. Their target is the channel id."""

_EXTRA_MISSING = (
    "must begin with https://. Other services require the extra pushpaka[notifications], which the "
    "operator can install"
)
_INVALID_URL = "must be a URL in the form that Apprise documents for the service"
_MIN_CRASH_INTERVAL = timedelta(hours=1)
"""The minimum time between two crash notifications about the same deployment."""


@frozen(kw_only=True)
class IssuedChannel:
    """A new channel, with the secret that signs its webhook requests."""

    channel: NotificationChannel
    secret: str | None = field(repr=False)
    """The signing secret, which is shown only once. None unless the channel is a webhook."""


@frozen(kw_only=True)
class NotificationService:
    """Manages notification channels. Their URLs hold passwords, so they are stored encrypted."""

    _storage: Storage
    _cipher: SecretCipher
    _notification_gateway: NotificationGateway
    _audit_log: AuditLog
    _outbox: Outbox
    _now: Clock
    _new_id: IdGenerator

    async def add(self, actor: Actor, new: NewNotificationChannel) -> IssuedChannel:
        """
        Add a notification channel to a project.

        Returns:
            The channel, with the signing secret if it is a webhook.

        Raises:
            InvalidInputError: If the URL is invalid, or its service needs an extra that is not
                installed.
            ConflictError: If the project has the maximum number of channels.
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not the owner of the project.
        """
        actor.require_scope(Scope.FULL)
        if not (is_webhook(new.url) or self._notification_gateway.is_installed):
            raise InvalidInputError({"url": _EXTRA_MISSING})
        if not (is_webhook(new.url) or await self._notification_gateway.supports(new.url)):
            raise InvalidInputError({"url": _INVALID_URL})
        channel_id = ChannelId(self._new_id())
        draft = NotificationChannel(
            id=channel_id,
            project_id=new.project_id,
            service=scheme_of(new.url),
            url=self._cipher.encrypt(
                new.url, context=NotificationChannel.context_of(channel_id, "url")
            ),
            secret=None,
            events=new.events,
            created_at=self._now(),
        )
        issued = self._with_secret(draft, new.url)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new.project_id, ProjectRole.OWNER)
            present = await uow.entities(CHANNELS).visible_to(actor).of_project(project.id)
            if len(present) >= MAX_CHANNELS:
                raise ConflictError(
                    f"The project has reached the maximum of {MAX_CHANNELS} notification channels. "
                    "Delete one of them first."
                )
            await uow.entities(CHANNELS).add(issued.channel)
            await self._audit_log.record(uow, actor, "notification.added", channel_id, project.name)
        return issued

    async def all(self, actor: Actor) -> Sequence[NotificationChannel]:
        """Return the channels of all projects of *actor*, newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.entities(CHANNELS).visible_to(actor).all()

    async def test(self, actor: Actor, id: ChannelId) -> None:
        """
        Queue a test notification. The channel then shows whether it was delivered.

        Does nothing if a test is already queued.

        Raises:
            NotFoundError: If there is no such channel for *actor*.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            channel = await get_entity(uow, actor, uow.entities(CHANNELS), id, ProjectRole.OWNER)
            if await uow.outbox.has_message(kind=TEST_NOTIFICATION, target=str(id)):
                return
            await self._outbox.add(
                uow, channel.project_id, kind=TEST_NOTIFICATION, target=str(id), body={}
            )

    async def delete(self, actor: Actor, id: ChannelId) -> None:
        """
        Delete a notification channel.

        Raises:
            NotFoundError: If there is no such channel for *actor*.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            channel = await get_entity(uow, actor, uow.entities(CHANNELS), id, ProjectRole.OWNER)
            await uow.entities(CHANNELS).remove(channel)
            await self._audit_log.record(uow, actor, "notification.removed", id)

    def _with_secret(self, channel: NotificationChannel, url: str) -> IssuedChannel:
        if not is_webhook(url):
            return IssuedChannel(channel=channel, secret=None)
        secret = format_secret(self._new_id().bytes + self._new_id().bytes)
        context = NotificationChannel.context_of(channel.id, "secret")
        sealed = self._cipher.encrypt(secret, context=context)
        return IssuedChannel(channel=channel.with_secret(sealed), secret=secret)


@frozen
class NotificationQueue:
    """Queues notifications in the transaction that changes the deployment."""

    _outbox: Outbox
    _now: Clock

    async def enqueue(self, uow: UnitOfWork, deployment: Deployment) -> None:
        """
        Queue a notification about the status of *deployment* for each subscribed channel.

        A deployment that keeps crashing is reported at most once an hour.
        """
        occasion = TRIGGERS.get(deployment.status)
        if occasion is None:
            return
        visible = uow.entities(CHANNELS).visible_to(PLATFORM)
        channels = await visible.of_project(deployment.project_id)
        enabled_channels = [channel for channel in channels if channel.is_enabled_for(occasion)]
        if not enabled_channels or (
            occasion is NotificationTrigger.CRASH and not await self._is_crash_due(uow, deployment)
        ):
            return
        for channel in enabled_channels:
            await self._outbox.add(
                uow,
                deployment.project_id,
                kind=NOTIFICATION,
                target=str(channel.id),
                body={
                    "deployment_id": str(deployment.id),
                    "occasion": occasion,
                    "error": deployment.error,
                    "at": self._now().isoformat(),
                },
            )

    async def enqueue_volume_alarm(
        self, uow: UnitOfWork, volume: Volume, alarm: VolumeAlarm, error: str
    ) -> None:
        """
        Queue a notification for each channel that reports failures. Queue nothing for a deleted
        project.

        Args:
            uow: The transaction that records the problem.
            volume: The volume.
            alarm: The problem.
            error: The reason and the remedy, as sentences.
        """
        if volume.project_id is None:
            return
        channels = await uow.entities(CHANNELS).visible_to(PLATFORM).of_project(volume.project_id)
        for channel in channels:
            if channel.is_enabled_for(NotificationTrigger.FAILURE):
                await self._outbox.add(
                    uow,
                    volume.project_id,
                    kind=VOLUME_NOTIFICATION,
                    target=str(channel.id),
                    body={
                        "volume": volume.name,
                        "alarm": alarm,
                        "error": error,
                        "at": self._now().isoformat(),
                    },
                )

    async def _is_crash_due(self, uow: UnitOfWork, deployment: Deployment) -> bool:
        """Return True if the last reported crash was at least `_MIN_CRASH_INTERVAL` ago."""
        events = await uow.timeline_events.of_deployment(deployment)
        *earlier, latest = [
            event.created_at for event in events if event.status is DeploymentStatus.CRASHED
        ]
        reported_at = None
        for crashed_at in earlier:
            if reported_at is None or crashed_at - reported_at >= _MIN_CRASH_INTERVAL:
                reported_at = crashed_at
        return reported_at is None or latest - reported_at >= _MIN_CRASH_INTERVAL
