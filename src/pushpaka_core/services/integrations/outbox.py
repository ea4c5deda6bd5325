"""Queues outbox messages, and sends them with retries."""

import json
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.ids import OutboxMessageId, ProjectId
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.errors import (
    DeliveryRejectedError,
    NotFoundError,
    PlatformFaultError,
    PushpakaError,
    UnavailableError,
)
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.concurrency import RoundRunner, Task, run_round

logger = logging.getLogger(__name__)

MessageSender: TypeAlias = Callable[[OutboxMessage], Awaitable[None]]
"""
A function that sends one message. It raises UnavailableError if sending can be retried later, and
DeliveryRejectedError if it cannot.

It must tolerate duplicates: a message whose delivery could not be recorded is sent again.
"""

_MAX_AT_ONCE = 100
_MAX_PER_OWNER = 4
"""
The maximum number of messages per owner in one round, so that one owner's slow servers do not delay
other owners.
"""


@frozen
class Outbox:
    """Queues messages in the transaction of the change that they report."""

    _now: Clock
    _new_id: IdGenerator

    async def add(
        self,
        uow: UnitOfWork,
        project_id: ProjectId,
        *,
        kind: str,
        target: str,
        body: Mapping[str, str | None],
    ) -> None:
        """
        Queue a message to be sent immediately.

        Args:
            uow: The transaction to write in.
            project_id: The project that the message is about.
            kind: The kind of the message. It determines the sender.
            target: The receiver. Messages to one receiver are sent in order.
            body: The data for the sender, stored as JSON.
        """
        await uow.outbox.add(
            OutboxMessage(
                id=OutboxMessageId(self._new_id()),
                project_id=project_id,
                kind=kind,
                target=target,
                body=json.dumps(body),
                next_at=self._now(),
            )
        )


@frozen
class OutboxSender:
    """Passes due messages to the sender for their kind until they are delivered or dropped."""

    _storage: Storage
    _senders: Mapping[str, MessageSender]
    """The sender of each kind of message."""
    _now: Clock

    async def send_due(self, round_runner: RoundRunner = run_round) -> None:
        """Send the messages that are due, one at a time per kind and target."""
        async with self._storage.snapshot() as uow:
            due = await uow.outbox.list_due(
                self._now(), limit=_MAX_AT_ONCE, limit_per_owner=_MAX_PER_OWNER
            )
        tasks: dict[Hashable, Task] = {
            (message.kind, message.target): partial(self._send, message)
            for message in due
            if message.kind in self._senders
        }
        await round_runner(tasks)

    async def _send(self, message: OutboxMessage) -> None:
        try:
            await self._senders[message.kind](message)
        except (UnavailableError, PlatformFaultError) as error:
            await self._postpone(message, error)
            return
        except NotFoundError:
            pass  # Its subject was deleted.
        except DeliveryRejectedError as error:
            logger.warning(
                "Dropped a message (%s) that the receiver rejected: %s", message.kind, error
            )
        await self._remove(message)

    async def _postpone(self, message: OutboxMessage, error: PushpakaError) -> None:
        postponed = message.after_failure(now=self._now())
        if postponed is None:
            logger.warning("Dropped a message (%s) after the last retry: %s", message.kind, error)
            await self._remove(message)
            return
        async with self._storage.transaction() as uow:
            await uow.outbox.store_attempt(postponed)

    async def _remove(self, message: OutboxMessage) -> None:
        async with self._storage.transaction() as uow:
            await uow.outbox.remove(message)
