"""Keeps who did what, in the transaction that does it."""

from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.audit import AuditEntry, AuditEntryId
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator


@frozen
class Journal:
    """Writes the audit trail, so that no change is kept without who made it."""

    _now: Clock
    _new_id: IdGenerator

    async def note(
        self,
        uow: UnitOfWork,
        actor: Actor,
        action: str,
        subject_id: UUID,
        detail: str | None = None,
    ) -> None:
        """Keep that *actor* did *action*, as in "project.created"; *detail* is never a value."""
        await uow.audit.add(
            AuditEntry(
                id=AuditEntryId(self._new_id()),
                user_id=actor.user_id,
                action=action,
                subject_id=subject_id,
                detail=detail,
                created_at=self._now(),
            )
        )
