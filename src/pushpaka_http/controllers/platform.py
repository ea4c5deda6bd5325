"""Routes for health checks and metrics of the platform."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.deployments.deployments import DeploymentService
from pushpaka_core.services.platform.platform_health import HealthService
from pushpaka_core.services.platform.system import SystemService
from pushpaka_core.services.volumes.snapshots import SnapshotService
from pushpaka_core.services.volumes.volumes import VolumeService
from pushpaka_http.authentication import ANONYMOUS, require_token
from pushpaka_http.dependencies import Injected
from pushpaka_http.errors import RETRY_AFTER_OUTAGE
from pushpaka_http.metrics import Metrics
from pushpaka_http.openapi import additional_errors
from pushpaka_http.schemas.errors import ErrorResponse
from pushpaka_http.schemas.health import HealthResponse, ReadinessResponse

_UNAVAILABLE_HEADERS = {"Retry-After": str(RETRY_AFTER_OUTAGE)}


class PlatformController(Controller):
    """Health checks and metrics, both at the root and below the base path of the API."""

    tags = ("platform",)
    opt = ANONYMOUS
    security = ({},)

    @get(
        "/health",
        responses={503: ResponseSpec(HealthResponse, description="The database is unavailable.")},
    )
    async def get_health(self, health: Injected[HealthService]) -> Response[HealthResponse]:
        """
        Check the health of the platform.

        Checks the database and the other configured components. 503 means that the database is
        unavailable.
        """
        found = await health.check()
        shown = HealthResponse.of(found)
        if found.is_ok:
            return Response(shown)
        return Response(
            shown, status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=_UNAVAILABLE_HEADERS
        )

    @get(
        "/ready",
        responses={
            503: ResponseSpec(ErrorResponse, description="This process cannot serve requests now.")
        },
    )
    async def get_readiness(self, health: Injected[HealthService]) -> ReadinessResponse:
        """
        Check whether this process can serve requests.

        Intended for load balancers. 503 means that the process is starting or stopping, or that the
        database is unavailable or has an old schema.
        """
        if not await health.is_ready():
            raise UnavailableError("This process is not ready. Check /health and the server log.")
        return ReadinessResponse(status="ready")

    @get(
        "/metrics",
        media_type="text/plain; version=0.0.4",
        responses=additional_errors(HTTPStatus.UNAUTHORIZED),
    )
    async def get_metrics(
        self,
        *,
        request: Request[Any, Any, Any],
        deployments: Injected[DeploymentService],
        system: Injected[SystemService],
        volumes: Injected[VolumeService],
        snapshots: Injected[SnapshotService],
        metrics: Injected[Metrics],
        metrics_token: Injected[str | None],
    ) -> bytes:
        """
        Get the metrics.

        Contains the metrics of this process and of all workers in the Prometheus text format. A
        token is required if the operator has set one.
        """
        require_token(request.headers, metrics_token)
        counts = await deployments.count_by_status(PLATFORM)
        workers, tallies = await system.workers(PLATFORM), await system.counters(PLATFORM)
        newest = await snapshots.newest_by_volume(PLATFORM)
        return metrics.render(counts, workers, tallies, await volumes.all(PLATFORM), newest)
