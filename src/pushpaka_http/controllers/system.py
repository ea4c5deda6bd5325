"""The instance itself."""

from litestar import Controller, get

from pushpaka_core.domain.access import Actor
from pushpaka_core.services.system import SystemService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.system import SystemResponse


class SystemController(Controller):
    """What the instance runs on."""

    path = "/system"
    tags = ("system",)

    @get("/")
    async def describe(self, actor: Given[Actor], system: Given[SystemService]) -> SystemResponse:
        """Show what the instance runs on, its workers included; to administrators only."""
        return SystemResponse.of(await system.describe(actor))
