"""What others are to be told, kept in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.outbox import OutboxMessage, OutboxMessageId
from pushpaka_core.domain.users import UserId


@frozen
class MemoryOutbox:
    """Messages that nobody has taken yet, in the order in which they were added."""

    _tables: Tables

    async def add(self, message: OutboxMessage, /) -> None:
        """Keep a new message."""
        self._tables.projects.get(message.project_id, "project")
        self._tables.outbox.add(message.id, message)

    async def due(self, at: datetime, /, *, limit: int, each: int) -> Sequence[OutboxMessage]:
        """Return messages whose time has come, owner by owner, the longest due first."""
        newest_first = reversed(list(self._tables.outbox))
        oldest = {(message.kind, message.target): message for message in newest_first}
        places = {message.id: place for place, message in enumerate(self._tables.outbox)}
        come = sorted(
            (message for message in oldest.values() if message.next_at <= at),
            key=lambda message: (message.next_at, places[message.id]),
        )
        counted: Counter[tuple[str, UserId]] = Counter()
        turns: dict[OutboxMessageId, int] = {}
        for message in come:
            owner = self._tables.projects.get(message.project_id, "project").user_id
            counted[message.kind, owner] += 1
            turns[message.id] = counted[message.kind, owner]
        in_turn = sorted(come, key=lambda message: turns[message.id])
        return [message for message in in_turn if turns[message.id] <= each][:limit]

    async def is_waiting(self, *, kind: str, target: str) -> bool:
        """Tell whether there is a message of that kind to that target."""
        return any((m.kind, m.target) == (kind, target) for m in self._tables.outbox)

    async def postpone(self, message: OutboxMessage, /) -> None:
        """Keep the attempts and the next time of a message."""
        if message.id in self._tables.outbox:
            self._tables.outbox.put(message.id, message)

    async def remove(self, message: OutboxMessage, /) -> None:
        """Take a message away."""
        self._tables.outbox.remove(message.id)
