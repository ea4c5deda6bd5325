"""Response bodies for the audit log."""

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.ids import AuditEntryId, UserId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class AuditEntryResponse:
    """An entry of the audit log: an action of a user or of the platform."""

    id: AuditEntryId
    """Id of the entry."""
    user_id: UserId | None
    """Id of the user who performed the action; null for the platform."""
    action: str
    """What was done, for example "project.created"."""
    subject_id: UUID
    """Id of the object that was changed."""
    detail: str | None
    """A name or key that identifies the object for users; null if it has none."""
    created_at: datetime
    """When the action was performed."""

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return the response for *entry*."""
        return from_attributes(cls, entry)
