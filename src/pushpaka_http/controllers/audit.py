"""The audit trail."""

from litestar import Controller, get

from pushpaka_core.domain.access import Actor
from pushpaka_core.services.audit import AuditService
from pushpaka_http.dependencies import Given
from pushpaka_http.parameters import Limit, Offset
from pushpaka_http.schemas.audit import AuditEntryResponse
from pushpaka_http.schemas.lists import PageResponse


class AuditController(Controller):
    """Who did what."""

    path = "/audit"
    tags = ("audit",)

    @get("/")
    async def page(
        self,
        actor: Given[Actor],
        audit: Given[AuditService],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> PageResponse[AuditEntryResponse]:
        """List what you did, the newest first; an administrator sees what everybody did."""
        page = await audit.page(actor, limit=limit, offset=offset)
        return PageResponse(
            data=[AuditEntryResponse.of(entry) for entry in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )
