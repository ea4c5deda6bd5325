"""Writes the audit log in the transaction of each change, and reads it."""

from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.users import Role
from pushpaka_core.domain.ids import AuditEntryId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.ports.storage.page import Page
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator


@frozen
class AuditLog:
    """Writes audit log entries in the transaction of the change that they record."""

    _now: Clock
    _new_id: IdGenerator

    async def record(
        self,
        uow: UnitOfWork,
        actor: Actor,
        action: str,
        subject_id: UUID,
        detail: str | None = None,
    ) -> None:
        """
        Add an entry to the audit log.

        Args:
            uow: The transaction that makes the change.
            actor: The user who made the change, or the platform.
            action: The kind of change, for example "project.created".
            subject_id: The id of the changed object.
            detail: A name that helps readers, for example the project's name. Never a secret value.
        """
        await uow.audit_entries.add(
            AuditEntry(
                id=AuditEntryId(self._new_id()),
                user_id=actor.user_id,
                action=action,
                subject_id=subject_id,
                detail=detail,
                created_at=self._now(),
            )
        )


@frozen(kw_only=True)
class AuditService:
    """Reads the audit log. Users see their own actions; administrators see those of all users."""

    _storage: Storage

    async def page(self, actor: Actor, *, limit: int = 20, offset: int = 0) -> Page[AuditEntry]:
        """Return a page of the entries that the actor may see, newest first."""
        user_id = None if actor.role is Role.ADMIN else actor.require_user()
        async with self._storage.snapshot() as uow:
            return await uow.audit_entries.page(user_id, limit=limit, offset=offset)
