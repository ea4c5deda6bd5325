"""The audit trail: who did what."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.users import UserId

AuditEntryId = NewType("AuditEntryId", UUID)


@frozen(kw_only=True)
class AuditEntry:
    """One thing that somebody did. It is written in the same transaction, and never changed."""

    id: AuditEntryId
    user_id: UserId | None
    """Who did it; None is the platform."""
    action: str
    """A past participle after its subject, as in "project.created"."""
    subject_id: UUID
    """What it was done to."""
    detail: str | None = None
    """A name or a key, never a value."""
    created_at: datetime
