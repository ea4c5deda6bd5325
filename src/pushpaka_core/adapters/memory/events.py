"""Messages to the watchers of this process."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from anyio import Event, WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectSendStream
from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message

BUFFERED_MESSAGES = 256
"""What a watcher may be behind before it loses messages."""
BUFFERED_CHARACTERS = 64 * 1024
"""The same in the text of log lines: instead of more there is a word that storage has some."""


@define
class MemoryEventBus:
    """Copies each message into the buffer of every watcher of its deployment."""

    _watchers: dict[DeploymentId, set["_Inbox"]] = field(factory=dict, init=False)
    _watchers_of_moves: set[MemoryObjectSendStream[DeploymentMoved]] = field(
        factory=set, init=False
    )

    async def publish(self, message: Message, /) -> None:
        """Hand *message* to everybody whose buffer is not full."""
        for inbox in self._watchers.get(message.deployment_id, ()):
            inbox.offer(message)
        if isinstance(message, DeploymentMoved):
            for sender in self._watchers_of_moves:
                with suppress(WouldBlock):
                    sender.send_nowait(message)

    @asynccontextmanager
    async def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Watch one deployment from now on."""
        inbox = _Inbox()
        self._watchers.setdefault(deployment_id, set()).add(inbox)
        try:
            yield inbox
        finally:
            self._forget(deployment_id, inbox)

    @asynccontextmanager
    async def subscribe_to_moves(self) -> AsyncIterator[AsyncIterator[DeploymentMoved]]:
        """Watch the moves of all deployments from now on."""
        sender, receiver = create_memory_object_stream[DeploymentMoved](BUFFERED_MESSAGES)
        self._watchers_of_moves.add(sender)
        try:
            with sender, receiver:
                yield receiver
        finally:
            self._watchers_of_moves.remove(sender)

    def _forget(self, deployment_id: DeploymentId, inbox: "_Inbox") -> None:
        watchers = self._watchers[deployment_id]
        watchers.discard(inbox)
        if not watchers:
            del self._watchers[deployment_id]


@define(eq=False)
class _Inbox:
    """
    What one watcher has not taken yet: so many messages, and so much text.

    It is no stream of the library, whose waiting cost more than all else that is done for
    one of many watchers of a line.
    """

    _messages: deque[Message] = field(factory=deque, init=False)
    _news: Event = field(factory=Event, init=False)
    _size: int = field(default=0, init=False)
    _tells_of_more: bool = field(default=False, init=False)

    def offer(self, message: Message) -> None:
        """Take *message*, or drop it: the gap in the numbers sends its watcher to storage."""
        is_too_much = self._size + _size_of(message) > BUFFERED_CHARACTERS
        if not (is_too_much or _is_word_of_more(message)):
            self._put(message)
        elif not self._tells_of_more:
            word = LinesWritten(deployment_id=message.deployment_id, lines=())
            self._tells_of_more = self._put(word)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self._messages:
            self._news = Event()
            await self._news.wait()
        message = self._messages.popleft()
        self._size -= _size_of(message)
        self._tells_of_more = self._tells_of_more and not _is_word_of_more(message)
        return message

    def _put(self, message: Message) -> bool:
        if len(self._messages) == BUFFERED_MESSAGES:
            return False
        self._messages.append(message)
        self._size += _size_of(message)
        self._news.set()
        return True


def _size_of(message: Message) -> int:
    return message.size if isinstance(message, LinesWritten) else 0


def _is_word_of_more(message: Message) -> bool:
    return isinstance(message, LinesWritten) and not message.lines
