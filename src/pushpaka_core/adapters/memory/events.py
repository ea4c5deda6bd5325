"""An event bus within one process."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from anyio import Event, WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectSendStream
from attrs import define, field

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message

BUFFERED_MESSAGES = 256
"""The maximum number of unread messages of a subscriber. Further messages are dropped."""
BUFFERED_CHARACTERS = 64 * 1024
"""The maximum number of unread characters of a subscriber. Further log lines are dropped."""


@define
class MemoryEventBus:
    """Copies each message to the buffer of every subscriber."""

    _subscribers: dict[DeploymentId, set["_Inbox"]] = field(factory=dict, init=False)
    _status_subscribers: set[MemoryObjectSendStream[DeploymentChanged]] = field(
        factory=set, init=False
    )

    async def publish(self, message: Message, /) -> None:
        """Put *message* into the buffers of its subscribers, unless they are full."""
        for inbox in self._subscribers.get(message.deployment_id, ()):
            inbox.offer(message)
        if isinstance(message, DeploymentChanged):
            for sender in self._status_subscribers:
                with suppress(WouldBlock):
                    sender.send_nowait(message)

    @asynccontextmanager
    async def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Subscribe to the messages of a deployment."""
        inbox = _Inbox()
        self._subscribers.setdefault(deployment_id, set()).add(inbox)
        try:
            yield inbox
        finally:
            self._unsubscribe(deployment_id, inbox)

    @asynccontextmanager
    async def subscribe_to_deployments(self) -> AsyncIterator[AsyncIterator[DeploymentChanged]]:
        """Subscribe to the status changes of all deployments."""
        sender, receiver = create_memory_object_stream[DeploymentChanged](BUFFERED_MESSAGES)
        self._status_subscribers.add(sender)
        try:
            with sender, receiver:
                yield receiver
        finally:
            self._status_subscribers.remove(sender)

    def _unsubscribe(self, deployment_id: DeploymentId, inbox: "_Inbox") -> None:
        watchers = self._subscribers[deployment_id]
        watchers.discard(inbox)
        if not watchers:
            del self._subscribers[deployment_id]


@define(eq=False)
class _Inbox:
    """
    The buffer of one subscriber, limited in messages and in characters.

    anyio's memory stream is not used here: if a log line has many subscribers, waiting on such
    streams took more time than everything else.
    """

    _messages: deque[Message] = field(factory=deque, init=False)
    _has_messages: Event = field(factory=Event, init=False)
    _size: int = field(default=0, init=False)
    _has_gap_marker: bool = field(default=False, init=False)

    def offer(self, message: Message) -> None:
        """
        Store *message*, or drop it if the buffer is full.

        When log lines are dropped, a single message without lines is stored. It makes the
        subscriber read the missing lines from storage.
        """
        is_too_much = self._size + _size_of(message) > BUFFERED_CHARACTERS
        if not (is_too_much or _is_gap_marker(message)):
            self._put(message)
        elif not self._has_gap_marker:
            word = LogLinesAppended(deployment_id=message.deployment_id, lines=())
            self._has_gap_marker = self._put(word)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self._messages:
            self._has_messages = Event()
            await self._has_messages.wait()
        message = self._messages.popleft()
        self._size -= _size_of(message)
        self._has_gap_marker = self._has_gap_marker and not _is_gap_marker(message)
        return message

    def _put(self, message: Message) -> bool:
        if len(self._messages) == BUFFERED_MESSAGES:
            return False
        self._messages.append(message)
        self._size += _size_of(message)
        self._has_messages.set()
        return True


def _size_of(message: Message) -> int:
    return message.size if isinstance(message, LogLinesAppended) else 0


def _is_gap_marker(message: Message) -> bool:
    return isinstance(message, LogLinesAppended) and not message.lines
