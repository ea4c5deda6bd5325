"""Notifications: owners say who is told of what, and what there is to tell is noted."""

import json
from collections.abc import Sequence
from datetime import timedelta

from attrs import field, frozen

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.notifications import (
    OCCASIONS,
    Channel,
    ChannelId,
    NewChannel,
    Occasion,
    is_webhook,
    scheme_of,
    secret_of,
)
from pushpaka_core.domain.outbox import OutboxMessage, OutboxMessageId
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.messenger import Messenger
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import part_for, project_for

NOTIFICATION = "notification"
"""The kind of its messages; their target is the channel."""
TRIAL = "notification_trial"
"""The kind of those that somebody asks for to see whether they come, to a channel as well."""

_NOT_INSTALLED = (
    "must begin with https://: other services are told only where the operator has installed "
    "the extra pushpaka[notifications]"
)
_UNKNOWN = (
    "must be an address in the form that Apprise documents for its service: none has such a one"
)
_QUIET = timedelta(hours=1)
"""How long nobody is told again that the same deployment has crashed."""


@frozen(kw_only=True)
class IssuedChannel:
    """A channel with the secret that its requests are signed with, which is shown this once."""

    channel: Channel
    secret: str | None = field(repr=False)


@frozen(kw_only=True)
class NotificationService:
    """Keeps where notifications go; the addresses are secrets."""

    _storage: Storage
    _cipher: Cipher
    _messenger: Messenger
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator

    async def add(self, actor: Actor, new: NewChannel) -> IssuedChannel:
        """
        Have somebody told of what becomes of a project's deployments; NotFoundError.

        Raises:
            InvalidInputError: If this instance sends to no such address.
        """
        actor.require_scope(Scope.FULL)
        if not (is_webhook(new.url) or self._messenger.is_installed):
            raise InvalidInputError({"url": _NOT_INSTALLED})
        if not (is_webhook(new.url) or await self._messenger.understands(new.url)):
            raise InvalidInputError({"url": _UNKNOWN})
        channel_id = ChannelId(self._new_id())
        draft = Channel(
            id=channel_id,
            project_id=new.project_id,
            service=scheme_of(new.url),
            url=self._cipher.encrypt(new.url, context=Channel.context_of(channel_id, "url")),
            secret=None,
            success=new.success,
            failure=new.failure,
            crash=new.crash,
            created_at=self._now(),
        )
        issued = self._issued(draft, new.url)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, new.project_id, ProjectRole.OWNER)
            await uow.channels.add(issued.channel)
            await self._journal.note(uow, actor, "notification.added", channel_id, project.name)
        return issued

    async def all(self, actor: Actor) -> Sequence[Channel]:
        """Return the actor's channels, the newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.channels.visible_to(actor).all()

    async def test(self, actor: Actor, id: ChannelId) -> None:
        """
        Have somebody told something now, so that the channel shows how that went; NotFoundError.

        A test that is on its way is not sent twice.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            channel = await part_for(uow, actor, uow.channels, id, ProjectRole.OWNER)
            if await uow.outbox.is_waiting(kind=TRIAL, target=str(id)):
                return
            message = OutboxMessage(
                id=OutboxMessageId(self._new_id()),
                project_id=channel.project_id,
                kind=TRIAL,
                target=str(id),
                body="{}",
                next_at=self._now(),
            )
            await uow.outbox.add(message)

    async def delete(self, actor: Actor, id: ChannelId) -> None:
        """Tell somebody nothing any more; NotFoundError."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            channel = await part_for(uow, actor, uow.channels, id, ProjectRole.OWNER)
            await uow.channels.remove(channel)
            await self._journal.note(uow, actor, "notification.removed", id)

    def _issued(self, channel: Channel, url: str) -> IssuedChannel:
        if not is_webhook(url):
            return IssuedChannel(channel=channel, secret=None)
        secret = secret_of(self._new_id().bytes + self._new_id().bytes)
        context = Channel.context_of(channel.id, "secret")
        sealed = self._cipher.encrypt(secret, context=context)
        return IssuedChannel(channel=channel.signing_with(sealed), secret=secret)


@frozen
class Notices:
    """Notes in the outbox who is to be told, in the transaction that it is about."""

    _now: Clock
    _new_id: IdGenerator

    async def note(self, uow: UnitOfWork, deployment: Deployment) -> None:
        """Note what has become of *deployment*, for each channel that wants to know."""
        occasion = OCCASIONS.get(deployment.status)
        if occasion is None:
            return
        channels = await uow.channels.visible_to(PLATFORM).of_project(deployment.project_id)
        wanted = [channel for channel in channels if channel.wants(occasion)]
        if not wanted or (occasion is Occasion.CRASH and await self._is_known(uow, deployment)):
            return
        for channel in wanted:
            await uow.outbox.add(self._message(channel, deployment, occasion))

    async def _is_known(self, uow: UnitOfWork, deployment: Deployment) -> bool:
        """Tell whether it has crashed lately: one that goes up and down is told of now and then."""
        events = await uow.timeline.of_deployment(deployment)
        crashes = [event for event in events if event.status is DeploymentStatus.CRASHED]
        return any(event.created_at > self._now() - _QUIET for event in crashes[:-1])

    def _message(
        self, channel: Channel, deployment: Deployment, occasion: Occasion
    ) -> OutboxMessage:
        body = {
            "deployment_id": str(deployment.id),
            "occasion": occasion,
            "error": deployment.error,
            "at": self._now().isoformat(),
        }
        return OutboxMessage(
            id=OutboxMessageId(self._new_id()),
            project_id=deployment.project_id,
            kind=NOTIFICATION,
            target=str(channel.id),
            body=json.dumps(body),
            next_at=self._now(),
        )
