"""Exchanges hints between processes through Redis."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from uuid import uuid4

from anyio import Event, create_task_group, fail_after, move_on_after, sleep
from attrs import define, field
from redis.asyncio.client import PubSub

from pushpaka_core.adapters.redis.connection import (
    BACKGROUND_TIMEOUT,
    CONNECTION_ERRORS,
    REQUEST_TIMEOUT,
    RedisConnection,
)
from pushpaka_core.adapters.redis.hints import MISSED, Hint, HintHandler
from pushpaka_core.errors import UnavailableError

MAX_BUFFERED_HINTS = 1000
"""The maximum number of hints in the send buffer. More are replaced by a single MISSED."""
_RETRY_INTERVAL = 1
_HANDLER_TIMEOUT = 2
"""Maximum time to handle one hint, in seconds. Other hints wait meanwhile."""


@define
class HintExchange:
    """
    Sends hints in the background and passes hints from other processes to the handlers.

    Handlers get `MISSED` whenever hints may have been lost: repeatedly while Redis is unavailable,
    and once when it is back.
    """

    _connection: RedisConnection
    _channel: str
    _handlers: list[HintHandler] = field(factory=list, init=False)
    _send_buffer: deque[Hint] = field(factory=deque, init=False)
    _has_hints: Event = field(factory=Event, init=False)
    _sender_id: str = field(factory=lambda: uuid4().hex, init=False)
    """Identifies the hints from this process, which this process ignores on arrival."""

    def add_handler(self, handler: HintHandler) -> None:
        """Register *handler*, which is called with every hint from another process."""
        self._handlers.append(handler)

    def send(self, hint: Hint) -> None:
        """Queue a hint for other processes. Does not block."""
        if len(self._send_buffer) >= MAX_BUFFERED_HINTS:
            self._send_buffer.clear()
            hint = MISSED
        self._send_buffer.append(hint)
        self._has_hints.set()

    async def run(self) -> None:
        """Send and receive hints until canceled. Reconnects whenever Redis is back."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._send_all)
            tasks.start_soon(self._receive_all)

    async def _send_all(self) -> None:
        try:
            while True:
                await self._has_hints.wait()
                self._has_hints = Event()
                await self._flush()
        finally:
            with move_on_after(REQUEST_TIMEOUT, shield=True):
                await self._flush()

    async def _flush(self) -> None:
        hints = list(self._send_buffer)
        self._send_buffer.clear()
        if hints:
            with suppress(UnavailableError):
                await self._connection.call(
                    partial(self._publish, hints), timeout=BACKGROUND_TIMEOUT
                )

    async def _publish(self, hints: Sequence[Hint]) -> None:
        async with self._connection.client.pipeline(transaction=False) as pipeline:
            for hint in hints:
                pipeline.publish(self._channel, f"{self._sender_id} {hint}")
            await pipeline.execute()

    async def _receive_all(self) -> None:
        while True:
            try:
                async with self._connection.client.pubsub() as subscription:
                    await self._subscribe(subscription)
                    while True:
                        await self._receive_next(subscription)
            except CONNECTION_ERRORS as error:
                self._connection.mark_down(error)
            await self._dispatch(MISSED)
            await sleep(_RETRY_INTERVAL)

    async def _subscribe(self, subscription: PubSub) -> None:
        with fail_after(BACKGROUND_TIMEOUT):
            await subscription.subscribe(self._channel)
            await subscription.get_message(timeout=None)
        await self._mark_up()

    async def _receive_next(self, subscription: PubSub) -> None:
        """Pass the next hint on. Raise TimeoutError if Redis does not even answer a ping."""
        message = await subscription.get_message(timeout=BACKGROUND_TIMEOUT)
        if message is None:
            await subscription.ping()
            message = await subscription.get_message(timeout=BACKGROUND_TIMEOUT)
        if message is None:
            raise TimeoutError
        await self._mark_up()
        if message["type"] == "message":
            await self._receive(message["data"])

    async def _mark_up(self) -> None:
        """Mark Redis as available. If it was not, report lost hints (MISSED) to all processes."""
        if not self._connection.is_up:
            self._connection.mark_up()
            self.send(MISSED)
            await self._dispatch(MISSED)

    async def _receive(self, payload: bytes) -> None:
        sender, _, text = payload.decode(errors="replace").partition(" ")
        if sender == self._sender_id:
            return
        with suppress(ValueError):
            await self._dispatch(Hint.parse(text))

    async def _dispatch(self, hint: Hint) -> None:
        with move_on_after(_HANDLER_TIMEOUT):
            for hear in self._handlers:
                await hear(hint)
