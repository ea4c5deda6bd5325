"""The platform itself: whether it works, and what it counts."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.health import HealthService
from pushpaka_core.services.system import SystemService
from pushpaka_http.authentication import ANONYMOUS, require_token
from pushpaka_http.dependencies import Given
from pushpaka_http.errors import RETRY_AFTER_OUTAGE
from pushpaka_http.metrics import Metrics
from pushpaka_http.openapi import also
from pushpaka_http.schemas.errors import ErrorResponse
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse

_OUTAGE = {"Retry-After": str(RETRY_AFTER_OUTAGE)}


class PlatformController(Controller):
    """What orchestrators and monitoring ask, at the root and below the API's own path."""

    tags = ("platform",)
    opt = ANONYMOUS
    security = ({},)

    @get("/health", responses={503: ResponseSpec(HealthResponse, description="No database.")})
    async def health(self, health: Given[HealthService]) -> Response[HealthResponse]:
        """Tell what works and what does not."""
        found = await health.check()
        shown = HealthResponse.of(found)
        if found.is_ok:
            return Response(shown)
        return Response(shown, status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=_OUTAGE)

    @get("/ready", responses={503: ResponseSpec(ErrorResponse, description="Not now.")})
    async def ready(self, health: Given[HealthService]) -> ReadinessResponse:
        """Tell whether this process can serve requests now."""
        if not await health.is_ready():
            raise UnavailableError("This process cannot serve requests now.")
        return ReadinessResponse(status="ready")

    @get(
        "/metrics",
        media_type="text/plain; version=0.0.4",
        responses=also(HTTPStatus.UNAUTHORIZED),
    )
    async def metrics(
        self,
        request: Request[Any, Any, Any],
        deployments: Given[DeploymentService],
        system: Given[SystemService],
        metrics: Given[Metrics],
        metrics_token: Given[str | None],
    ) -> bytes:
        """Show the metrics of this process and of all workers in the format of Prometheus."""
        require_token(request.headers, metrics_token)
        counts = await deployments.count_by_status(PLATFORM)
        workers, tallies = await system.workers(PLATFORM), await system.tallies(PLATFORM)
        return metrics.page(counts, workers, tallies)
