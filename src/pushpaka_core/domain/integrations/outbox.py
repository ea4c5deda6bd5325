"""The outbox: messages to other services, kept until they are delivered."""

from datetime import datetime, timedelta
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.backoff import backoff
from pushpaka_core.domain.ids import OutboxMessageId, ProjectId

MAX_ATTEMPTS = 12
"""The number of attempts after which a message is dropped."""
_INITIAL_PAUSE = timedelta(seconds=10)
_MAX_PAUSE = timedelta(hours=1)


@frozen(kw_only=True)
class OutboxMessage:
    """A message to another service. Messages of the same kind and target are sent in order."""

    id: OutboxMessageId
    project_id: ProjectId
    """The project that the message belongs to. The message is deleted together with the project."""
    kind: str
    """The kind of message, for example "commit_status". It determines how the message is sent."""
    target: str
    """The receiver or subject, in a format that depends on the kind."""
    body: str = field(repr=False)
    """The content, in a format that depends on the kind. Never contains secrets."""
    attempts: int = 0
    """The number of failed attempts."""
    next_at: datetime
    """The time of the next attempt."""

    def after_failure(self, *, now: datetime) -> Self | None:
        """
        Return a copy of the message after a failed attempt, or None after the last attempt.

        The pauses double from 10 s up to 1 h.
        """
        attempts = self.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            return None
        pause = backoff(self.attempts, initial_pause=_INITIAL_PAUSE, max_pause=_MAX_PAUSE)
        return evolve(self, attempts=attempts, next_at=now + pause)
