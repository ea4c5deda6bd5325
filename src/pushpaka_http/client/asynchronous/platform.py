"""The instance itself, and whether it works."""

from http import HTTPStatus

from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import call
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class AsyncHealth(AsyncNamespace):
    """What orchestrators and monitoring ask."""

    async def check(self) -> HealthResponse:
        """Tell what works and what does not; an outage is an answer as well."""
        outage = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
        return await self._connection.ask(call("GET", "/health", answers=outage), HealthResponse)

    async def ready(self) -> ReadinessResponse:
        """Tell whether the process can serve requests."""
        return await self._connection.ask(call("GET", "/ready"), ReadinessResponse)

    async def metrics(self) -> str:
        """Return the metrics in the format of Prometheus; the token is that of the metrics."""
        return await self._connection.text(call("GET", "/metrics"))


class AsyncSystem(AsyncNamespace):
    """What the instance runs on; to administrators only."""

    async def get(self) -> SystemResponse:
        """Show what the instance runs on, its workers and its queue."""
        return await self._connection.ask(call("GET", "/system"), SystemResponse)

    async def activity(self) -> ActivityResponse:
        """Show what became of the deployments of the last 30 days."""
        return await self._connection.ask(call("GET", "/system/activity"), ActivityResponse)
