"""The instance itself, and whether it works."""

from http import HTTPStatus

from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import call
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse
from pushpaka_http.schemas.system import ActivityResponse, SystemResponse


class Health(Namespace):
    """What orchestrators and monitoring ask."""

    def check(self) -> HealthResponse:
        """Tell what works and what does not; an outage is an answer as well."""
        outage = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
        return self._connection.ask(call("GET", "/health", answers=outage), HealthResponse)

    def ready(self) -> ReadinessResponse:
        """Tell whether the process can serve requests."""
        return self._connection.ask(call("GET", "/ready"), ReadinessResponse)

    def metrics(self) -> str:
        """Return the metrics in the format of Prometheus; the token is that of the metrics."""
        return self._connection.text(call("GET", "/metrics"))


class System(Namespace):
    """What the instance runs on; to administrators only."""

    def get(self) -> SystemResponse:
        """Show what the instance runs on, its workers and its queue."""
        return self._connection.ask(call("GET", "/system"), SystemResponse)

    def activity(self) -> ActivityResponse:
        """Show what became of the deployments of the last 30 days."""
        return self._connection.ask(call("GET", "/system/activity"), ActivityResponse)
