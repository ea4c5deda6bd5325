"""Sends what is in the outbox, at its own pace and in nobody's way."""

import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.outbox import OutboxMessage
from pushpaka_core.errors import (
    DeliveryRefusedError,
    NotFoundError,
    PlatformFaultError,
    PushpakaError,
    UnavailableError,
)
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import Dispatch, Task, all_done

logger = logging.getLogger(__name__)

Sender: TypeAlias = Callable[[OutboxMessage], Awaitable[None]]
"""
Sends one message, and harmlessly sends it again: that it was taken may be forgotten.

It raises UnavailableError where that may be tried again, DeliveryRefusedError where not.
"""

_MOST_AT_ONCE = 100
_MOST_OF_EACH = 4
"""So many of one owner at once: whoever names servers that hang waits for them alone."""


@frozen
class OutboxSending:
    """Hands messages to whoever sends their kind, until they are taken or given up."""

    _storage: Storage
    _senders: Mapping[str, Sender]
    """By the kind of their messages."""
    _now: Clock

    async def send(self, dispatch: Dispatch = all_done) -> None:
        """Begin to send what is due; of what is about the same, one message at a time."""
        async with self._storage.snapshot() as uow:
            due = await uow.outbox.due(self._now(), limit=_MOST_AT_ONCE, each=_MOST_OF_EACH)
        tasks: dict[Hashable, Task] = {
            (message.kind, message.target): partial(self._send, message)
            for message in due
            if message.kind in self._senders
        }
        await dispatch(tasks)

    async def _send(self, message: OutboxMessage) -> None:
        try:
            await self._senders[message.kind](message)
        except (UnavailableError, PlatformFaultError) as error:
            await self._postpone(message, error)
            return
        except NotFoundError:
            pass  # What it is about is gone.
        except DeliveryRefusedError as error:
            logger.warning("a message (%s) is given up: %s", message.kind, error)
        await self._remove(message)

    async def _postpone(self, message: OutboxMessage, error: PushpakaError) -> None:
        postponed = message.postponed(at=self._now())
        if postponed is None:
            logger.warning("a message (%s) is given up after hours: %s", message.kind, error)
            await self._remove(message)
            return
        async with self._storage.transaction() as uow:
            await uow.outbox.postpone(postponed)

    async def _remove(self, message: OutboxMessage) -> None:
        async with self._storage.transaction() as uow:
            await uow.outbox.remove(message)
