"""Methods for health checks, metrics and the state of the instance."""

from http import HTTPStatus

from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import call
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class AsyncHealth(AsyncNamespace):
    """Health checks and metrics for orchestrators and monitoring."""

    async def check(self) -> HealthResponse:
        """Return the health of the platform, even if the response status is 503."""
        outage = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
        return await self._connection.request(
            call("GET", "/health", accepted_statuses=outage), HealthResponse
        )

    async def ready(self) -> ReadinessResponse:
        """Return the readiness of the server. Raise ServerError if it cannot serve requests."""
        return await self._connection.request(call("GET", "/ready"), ReadinessResponse)

    async def metrics(self) -> str:
        """Return the metrics in the Prometheus text format. A metrics token may be required."""
        return await self._connection.request_text(call("GET", "/metrics"))


class AsyncSystem(AsyncNamespace):
    """The state and the activity of the instance, for administrators only."""

    async def get(self) -> SystemResponse:
        """Return the components of the instance, its workers and its queue."""
        return await self._connection.request(call("GET", "/system"), SystemResponse)

    async def activity(self) -> ActivityResponse:
        """Return statistics about the deployments of the last 30 days."""
        return await self._connection.request(call("GET", "/system/activity"), ActivityResponse)
