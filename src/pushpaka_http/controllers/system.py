"""Routes for the state of the instance."""

from litestar import Controller, get

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.services.platform.system import SystemService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class SystemController(Controller):
    """The state and the activity of the instance, for administrators."""

    path = "/system"
    tags = ("system",)

    @get("/")
    async def get_system(
        self, actor: Injected[Actor], system: Injected[SystemService]
    ) -> SystemResponse:
        """
        Get the state of the instance.

        Returns the components, the workers and the length of the queue. For administrators only.
        """
        return SystemResponse.of(await system.describe(actor))

    @get("/activity")
    async def get_activity(
        self, actor: Injected[Actor], system: Injected[SystemService]
    ) -> ActivityResponse:
        """
        Get statistics about deployments.

        Covers the last 30 days in UTC. For administrators only.
        """
        return ActivityResponse.of(await system.activity(actor))
