"""How the audit trail looks."""

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.audit import AuditEntry, AuditEntryId
from pushpaka_core.domain.users import UserId


@frozen(kw_only=True, slots=False)
class AuditEntryResponse:
    """One thing that somebody did."""

    id: AuditEntryId
    user_id: UserId | None
    action: str
    subject_id: UUID
    detail: str | None
    created_at: datetime

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Show *entry*."""
        return cls(
            id=entry.id,
            user_id=entry.user_id,
            action=entry.action,
            subject_id=entry.subject_id,
            detail=entry.detail,
            created_at=entry.created_at,
        )
