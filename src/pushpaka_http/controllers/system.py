"""The instance itself."""

from litestar import Controller, get

from pushpaka_core.domain.access import Actor
from pushpaka_core.services.system import SystemService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class SystemController(Controller):
    """What the instance runs on."""

    path = "/system"
    tags = ("system",)

    @get("/")
    async def describe(self, actor: Given[Actor], system: Given[SystemService]) -> SystemResponse:
        """Show what the instance runs on, its workers and its queue; to administrators only."""
        return SystemResponse.of(await system.describe(actor))

    @get("/activity")
    async def activity(self, actor: Given[Actor], system: Given[SystemService]) -> ActivityResponse:
        """Show what became of the deployments of the last 30 days; to administrators only."""
        return ActivityResponse.of(await system.activity(actor))
