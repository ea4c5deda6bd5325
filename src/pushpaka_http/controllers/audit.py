"""Routes for the audit log."""

from litestar import Controller, get

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.services.audit_log import AuditService
from pushpaka_http.dependencies import Injected
from pushpaka_http.parameters import Limit, Offset
from pushpaka_http.schemas.audit import AuditEntryResponse
from pushpaka_http.schemas.lists import PageResponse


class AuditController(Controller):
    """The audit log."""

    path = "/audit"
    tags = ("audit",)

    @get("/")
    async def list_audit_entries(
        self,
        actor: Injected[Actor],
        audit: Injected[AuditService],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> PageResponse[AuditEntryResponse]:
        """
        List the audit log.

        Contains your own actions, newest first. Administrators see the actions of all users.
        """
        page = await audit.page(actor, limit=limit, offset=offset)
        return PageResponse(
            data=[AuditEntryResponse.of(entry) for entry in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )
