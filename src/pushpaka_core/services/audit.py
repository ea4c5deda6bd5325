"""The audit trail, for those who may read it."""

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.users import Role
from pushpaka_core.ports.pages import Page
from pushpaka_core.ports.storage import Storage


@frozen(kw_only=True)
class AuditService:
    """Shows people what they did, and an administrator what everybody did."""

    _storage: Storage

    async def page(self, actor: Actor, *, limit: int = 20, offset: int = 0) -> Page[AuditEntry]:
        """Return a part of the trail, the newest first."""
        wanted = None if actor.role is Role.ADMIN else actor.require_user()
        async with self._storage.snapshot() as uow:
            return await uow.audit.page(wanted, limit=limit, offset=offset)
