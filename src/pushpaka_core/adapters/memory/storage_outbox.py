"""What others are to be told, kept in memory."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.outbox import OutboxMessage


@frozen
class MemoryOutbox:
    """Messages that nobody has taken yet, in the order in which they were added."""

    _tables: Tables

    async def add(self, message: OutboxMessage, /) -> None:
        """Keep a new message."""
        self._tables.projects.get(message.project_id, "project")
        self._tables.outbox.add(message.id, message)

    async def due(self, at: datetime, /, *, limit: int) -> Sequence[OutboxMessage]:
        """Return messages whose time has come, the longest due first."""
        newest_first = reversed(list(self._tables.outbox))
        oldest = {(message.kind, message.target): message for message in newest_first}
        come = [message for message in oldest.values() if message.next_at <= at]
        places = {message.id: place for place, message in enumerate(self._tables.outbox)}
        return sorted(come, key=lambda m: (m.next_at, places[m.id]))[:limit]

    async def postpone(self, message: OutboxMessage, /) -> None:
        """Keep the attempts and the next time of a message."""
        if message.id in self._tables.outbox:
            self._tables.outbox.put(message.id, message)

    async def remove(self, message: OutboxMessage, /) -> None:
        """Take a message away."""
        self._tables.outbox.remove(message.id)
