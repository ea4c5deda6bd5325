"""The audit log."""

from datetime import datetime
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.ids import AuditEntryId, UserId


@frozen(kw_only=True)
class AuditEntry:
    """
    An action in the audit log.

    It is written in the transaction of the action and never changed.
    """

    id: AuditEntryId
    user_id: UserId | None
    """The user who performed the action, or None for the platform."""
    action: str
    """The kind of entity and a past participle, for example "project.created"."""
    subject_id: UUID
    """The id of the entity."""
    detail: str | None = None
    """A name or a key for display, but never a secret value."""
    created_at: datetime
