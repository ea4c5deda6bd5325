"""Methods for health checks, metrics and the state of the instance."""

from http import HTTPStatus

from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import call
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class Health(Namespace):
    """Health checks and metrics for orchestrators and monitoring."""

    def check(self) -> HealthResponse:
        """Return the health of the platform, even if the response status is 503."""
        outage = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
        return self._connection.request(
            call("GET", "/health", accepted_statuses=outage), HealthResponse
        )

    def ready(self) -> ReadinessResponse:
        """Return the readiness of the server. Raise ServerError if it cannot serve requests."""
        return self._connection.request(call("GET", "/ready"), ReadinessResponse)

    def metrics(self) -> str:
        """Return the metrics in the Prometheus text format. A metrics token may be required."""
        return self._connection.request_text(call("GET", "/metrics"))


class System(Namespace):
    """The state and the activity of the instance, for administrators only."""

    def get(self) -> SystemResponse:
        """Return the components of the instance, its workers and its queue."""
        return self._connection.request(call("GET", "/system"), SystemResponse)

    def activity(self) -> ActivityResponse:
        """Return statistics about the deployments of the last 30 days."""
        return self._connection.request(call("GET", "/system/activity"), ActivityResponse)
