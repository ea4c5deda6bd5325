"""Messages to the watchers of all processes."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from attrs import define, field

from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.errors import PushpakaError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage


@define
class RedisEventBus:
    """
    Tells the watchers of this process at once, and by Redis those of others where to look.

    No line and no state goes through Redis. What another process has committed is read from
    storage, and only if somebody here watches it.
    """

    _here: EventBus
    _storage: Storage
    _exchange: HintExchange
    _watched: Counter[DeploymentId] = field(factory=Counter, init=False)
    _watchers_of_moves: int = field(default=0, init=False)

    async def publish(self, message: Message, /) -> None:
        """Hand *message* to everybody who watches here, and a hint to other processes."""
        await self._here.publish(message)
        kind = HintKind.LINES if isinstance(message, LinesWritten) else HintKind.MOVED
        self._exchange.send(Hint(kind, message.deployment_id))

    @asynccontextmanager
    async def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Watch one deployment from now on."""
        async with self._here.subscribe(deployment_id) as messages:
            self._watched += Counter([deployment_id])
            try:
                yield messages
            finally:
                self._watched -= Counter([deployment_id])

    @asynccontextmanager
    async def subscribe_to_moves(self) -> AsyncIterator[AsyncIterator[DeploymentMoved]]:
        """Watch the moves of all deployments from now on."""
        async with self._here.subscribe_to_moves() as moves:
            self._watchers_of_moves += 1
            try:
                yield moves
            finally:
                self._watchers_of_moves -= 1

    async def hear(self, hint: Hint) -> None:
        """Tell those who watch here of what another process has done, or may have done."""
        match hint.kind:
            case HintKind.LINES if hint.id in self._watched:
                await self._tell_of_lines(DeploymentId(hint.id))
            case HintKind.MOVED if hint.id in self._watched or self._watchers_of_moves:
                await self._tell_of_state(DeploymentId(hint.id))
            case HintKind.MISSED:
                for watched in list(self._watched):
                    await self._tell_of_lines(watched)
                    await self._tell_of_state(watched)

    async def _tell_of_lines(self, id: DeploymentId) -> None:
        await self._here.publish(LinesWritten(deployment_id=id, lines=()))

    async def _tell_of_state(self, id: DeploymentId) -> None:
        with suppress(PushpakaError):
            async with self._storage.snapshot() as uow:
                deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            await self._here.publish(DeploymentMoved(deployment=deployment))
