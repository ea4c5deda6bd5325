"""An event bus across processes."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from attrs import define, field

from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message
from pushpaka_core.errors import PushpakaError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage


@define
class RedisEventBus:
    """
    Publishes messages to this process's subscribers, and sends hints to other processes via Redis.

    Log lines and states are not sent through Redis. A process that gets a hint reads the committed
    state from storage if it has a matching subscriber.
    """

    _local: EventBus
    _storage: Storage
    _exchange: HintExchange
    _subscriptions: Counter[DeploymentId] = field(factory=Counter, init=False)
    _status_subscribers: int = field(default=0, init=False)

    async def publish(self, message: Message, /) -> None:
        """Publish *message* in this process, and send a hint to the other processes."""
        await self._local.publish(message)
        kind = HintKind.LINES if isinstance(message, LogLinesAppended) else HintKind.CHANGED
        self._exchange.send(Hint(kind, message.deployment_id))

    @asynccontextmanager
    async def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Subscribe to the messages of a deployment."""
        async with self._local.subscribe(deployment_id) as messages:
            self._subscriptions += Counter([deployment_id])
            try:
                yield messages
            finally:
                self._subscriptions -= Counter([deployment_id])

    @asynccontextmanager
    async def subscribe_to_deployments(self) -> AsyncIterator[AsyncIterator[DeploymentChanged]]:
        """Subscribe to the status changes of all deployments."""
        async with self._local.subscribe_to_deployments() as transitions:
            self._status_subscribers += 1
            try:
                yield transitions
            finally:
                self._status_subscribers -= 1

    async def handle_hint(self, hint: Hint) -> None:
        """
        Publish the changes that a hint from another process refers to, if
        there are subscribers.
        """
        match hint.kind:
            case HintKind.LINES if hint.id in self._subscriptions:
                await self._publish_lines(DeploymentId(hint.id))
            case HintKind.CHANGED if hint.id in self._subscriptions or self._status_subscribers:
                await self._publish_status(DeploymentId(hint.id))
            case HintKind.MISSED:
                for watched in list(self._subscriptions):
                    await self._publish_lines(watched)
                    await self._publish_status(watched)

    async def _publish_lines(self, id: DeploymentId) -> None:
        await self._local.publish(LogLinesAppended(deployment_id=id, lines=()))

    async def _publish_status(self, id: DeploymentId) -> None:
        with suppress(PushpakaError):
            async with self._storage.snapshot() as uow:
                deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            await self._local.publish(DeploymentChanged(deployment=deployment))
