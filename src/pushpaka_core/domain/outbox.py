"""The outbox: what others are to be told, kept until they have taken it."""

from datetime import datetime, timedelta
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.projects import ProjectId

OutboxMessageId = NewType("OutboxMessageId", UUID)

MOST_TRIES = 12
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)


@frozen(kw_only=True)
class OutboxMessage:
    """Something that somebody outside is to be told; messages to one target keep their order."""

    id: OutboxMessageId
    project_id: ProjectId
    """With which it goes."""
    kind: str
    """Says who knows how it is sent, as in "commit_status"."""
    target: str
    """Whom, or what, it is about, in the words of its kind."""
    body: str = field(repr=False)
    """What the sender has to know, in a form of its kind. Never a secret."""
    attempts: int = 0
    """Tries that have failed."""
    next_at: datetime
    """When it is tried next."""

    def postponed(self, *, at: datetime) -> Self | None:
        """Return it after a try that has failed, or None where it is given up: hours later."""
        attempts = self.attempts + 1
        if attempts >= MOST_TRIES:
            return None
        pause = min(_FIRST_PAUSE * 2**self.attempts, _LONGEST_PAUSE)
        return evolve(self, attempts=attempts, next_at=at + pause)
