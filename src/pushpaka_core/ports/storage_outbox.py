"""The part of the storage that keeps what others are to be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.outbox import OutboxMessage


class Outbox(Protocol):
    """Messages that nobody has taken yet, in the order in which they were added."""

    async def add(self, message: OutboxMessage, /) -> None:
        """Keep a new message; this belongs into the transaction that it tells of."""

    async def due(self, at: datetime, /, *, limit: int, each: int) -> Sequence[OutboxMessage]:
        """
        Return messages whose time has come at *at*, the longest due first.

        Of each kind and target it is the oldest message alone: the others wait for it. Of each
        kind and owner of projects it is *each* at most, and what is the first of some owner
        comes before what is the second of another.
        """
        ...

    async def is_waiting(self, *, kind: str, target: str) -> bool:
        """Tell whether there is a message of that kind to that target."""
        ...

    async def postpone(self, message: OutboxMessage, /) -> None:
        """Keep the attempts and the next time of a message; harmless when it is gone."""

    async def remove(self, message: OutboxMessage, /) -> None:
        """Take a message away. Harmless to repeat."""
