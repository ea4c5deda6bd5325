"""Carries hints between processes, while Redis is there."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from uuid import uuid4

from anyio import Event, create_task_group, fail_after, move_on_after, sleep
from attrs import define, field
from redis.asyncio.client import PubSub

from pushpaka_core.adapters.redis.connection import (
    LOST,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    RedisConnection,
)
from pushpaka_core.adapters.redis.hints import MISSED, Hear, Hint
from pushpaka_core.errors import UnavailableError

MOST_WAITING = 1000
"""How many hints are kept until they are sent; instead of more, others are told to look anyway."""
_RETRY_SECONDS = 1
_HEARING_SECONDS = 2
"""How long a hint may keep the next one waiting."""


@define
class HintExchange:
    """
    Sends hints in the background, so that nobody waits for Redis, and passes on those of others.

    Whoever hears is told `MISSED` whenever hints may have been lost: again and again while Redis
    is away, and once when it is back.
    """

    _connection: RedisConnection
    _channel: str
    _hear: list[Hear] = field(factory=list, init=False)
    _waiting: deque[Hint] = field(factory=deque, init=False)
    _is_filled: Event = field(factory=Event, init=False)
    _name: str = field(factory=lambda: uuid4().hex, init=False)
    """Tells its own hints from those of others."""

    def pass_to(self, hear: Hear) -> None:
        """Let *hear* have every hint of another process from now on."""
        self._hear.append(hear)

    def send(self, hint: Hint) -> None:
        """Let other processes know, as soon as may be."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            hint = MISSED
        self._waiting.append(hint)
        self._is_filled.set()

    async def run(self) -> None:
        """Send and hear without end, whatever becomes of Redis."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._send_all)
            tasks.start_soon(self._hear_all)

    async def _send_all(self) -> None:
        try:
            while True:
                await self._is_filled.wait()
                self._is_filled = Event()
                await self._flush()
        finally:
            with move_on_after(PATIENCE_SECONDS, shield=True):
                await self._flush()

    async def _flush(self) -> None:
        hints = list(self._waiting)
        self._waiting.clear()
        if hints:
            with suppress(UnavailableError):
                await self._connection.ask(partial(self._publish, hints), patience=QUIET_SECONDS)

    async def _publish(self, hints: Sequence[Hint]) -> None:
        async with self._connection.client.pipeline(transaction=False) as pipeline:
            for hint in hints:
                pipeline.publish(self._channel, f"{self._name} {hint}")
            await pipeline.execute()

    async def _hear_all(self) -> None:
        while True:
            try:
                async with self._connection.client.pubsub() as subscription:
                    await self._begin(subscription)
                    while True:
                        await self._hear_next(subscription)
            except LOST as error:
                self._connection.lose(error)
            await self._pass_on(MISSED)
            await sleep(_RETRY_SECONDS)

    async def _begin(self, subscription: PubSub) -> None:
        with fail_after(QUIET_SECONDS):
            await subscription.subscribe(self._channel)
            await subscription.get_message(timeout=None)
        await self._go_on()

    async def _hear_next(self, subscription: PubSub) -> None:
        """Pass on the next hint; where none comes for a while, see whether Redis still speaks."""
        message = await subscription.get_message(timeout=QUIET_SECONDS)
        if message is None:
            await subscription.ping()
            message = await subscription.get_message(timeout=QUIET_SECONDS)
        if message is None:
            raise TimeoutError
        await self._go_on()
        if message["type"] == "message":
            await self._take(message["data"])

    async def _go_on(self) -> None:
        """Note that Redis is there; if it was not, nobody knows what was missed, here or there."""
        if not self._connection.is_up:
            self._connection.find()
            self.send(MISSED)
            await self._pass_on(MISSED)

    async def _take(self, data: bytes) -> None:
        sender, _, text = data.decode(errors="replace").partition(" ")
        if sender == self._name:
            return
        with suppress(ValueError):
            await self._pass_on(Hint.parse(text))

    async def _pass_on(self, hint: Hint) -> None:
        with move_on_after(_HEARING_SECONDS):
            for hear in self._hear:
                await hear(hint)
