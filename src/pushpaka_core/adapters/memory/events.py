"""Messages to the watchers of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectSendStream
from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import Message

BUFFERED_MESSAGES = 256
"""What a watcher may be behind before it loses messages."""


@define
class MemoryEventBus:
    """Copies each message into the buffer of every watcher of its deployment."""

    _watchers: dict[DeploymentId, set[MemoryObjectSendStream[Message]]] = field(
        factory=dict, init=False
    )

    async def publish(self, message: Message, /) -> None:
        """Hand *message* to everybody whose buffer is not full."""
        for watcher in self._watchers.get(message.deployment_id, ()):
            _offer(watcher, message)

    @asynccontextmanager
    async def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Watch one deployment from now on."""
        watcher, messages = create_memory_object_stream[Message](BUFFERED_MESSAGES)
        self._watchers.setdefault(deployment_id, set()).add(watcher)
        try:
            with watcher, messages:
                yield messages
        finally:
            self._forget(deployment_id, watcher)

    def _forget(
        self, deployment_id: DeploymentId, watcher: MemoryObjectSendStream[Message]
    ) -> None:
        watchers = self._watchers[deployment_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[deployment_id]


def _offer(watcher: MemoryObjectSendStream[Message], message: Message) -> None:
    """A full buffer drops the newest: the gap in the numbers tells its watcher to read storage."""
    try:
        watcher.send_nowait(message)
    except WouldBlock:
        return
