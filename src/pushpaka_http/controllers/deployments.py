"""Routes for deployments."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from litestar import Controller, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.services.deployments.active_deployment_service import ActiveDeploymentService
from pushpaka_core.services.deployments.deployments import DeploymentService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.middleware.rate_limits import RateLimiter
from pushpaka_http.parameters import (
    IdempotencyKey,
    Limit,
    Offset,
    ProjectFilter,
    StatusFilter,
    TargetFilter,
    Wait,
)
from pushpaka_http.schemas.deployments import (
    DeploymentResponse,
    RollbackWindowResponse,
    TimelineEventResponse,
)
from pushpaka_http.schemas.lists import ListResponse, PageResponse
from pushpaka_http.streaming.streams import LongPolling


def _requeue_route(
    verb: str, queue_deployment: Callable[..., Awaitable[Deployment]], docstring: str
) -> HTTPRouteHandler:
    """Return the route *verb*, which deploys a release again by calling *queue_deployment*."""

    async def requeue(
        self: Controller,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
        rate_limiter: Injected[RateLimiter],
        public_urls: Injected[PublicUrls],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        del self
        deployment = await deployments.get(actor, deployment_id)
        await rate_limiter.count_deployment(actor, deployment.project_id)
        queued = await queue_deployment(
            deployments, actor, deployment.id, idempotency_key=idempotency_key
        )
        return DeploymentResponse.of(queued, public_urls)

    # The OpenAPI document takes them as the id and the description of the operation.
    requeue.__name__, requeue.__doc__ = f"{verb}_deployment", docstring
    return post(f"/{{deployment_id:str}}/{verb}")(requeue)


class DeploymentController(Controller):
    """Deployments: creation, status, rollback, cancellation and restarts."""

    path = "/deployments"
    tags = ("deployments",)

    @post("/")
    async def create_deployment(
        self,
        *,
        data: JSONBody[NewDeployment],
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
        rate_limiter: Injected[RateLimiter],
        public_urls: Injected[PublicUrls],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """
        Deploy a project.

        Queues a deployment of a commit, an uploaded archive or an image, and supersedes a queued
        deployment of the same target. Follow its progress with GET /deployments/:id?wait=30.
        """
        await rate_limiter.count_deployment(actor, data.project_id)
        queued = await deployments.deploy(actor, data, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, public_urls)

    @get("/")
    async def list_deployments(
        self,
        *,
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
        public_urls: Injected[PublicUrls],
        project_id: ProjectFilter = None,
        status: StatusFilter = None,
        target: TargetFilter = "",
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> PageResponse[DeploymentResponse]:
        """
        List deployments.

        Contains the deployments of all projects that you can view, newest first.
        """
        wanted = DeploymentFilter(project_id=project_id, status=status, target=target or None)
        page = await deployments.page(actor, wanted, limit=limit, offset=offset)
        return PageResponse(
            data=[DeploymentResponse.of(deployment, public_urls) for deployment in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )

    @get("/{deployment_id:str}")
    async def get_deployment(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        token: Injected[Token],
        deployments: Injected[DeploymentService],
        long_polling: Injected[LongPolling],
        public_urls: Injected[PublicUrls],
        wait: Wait = 0,
    ) -> DeploymentResponse:
        """
        Get a deployment.

        With `wait`, the response is sent once the deployment is running or final, or after that
        many seconds.
        """
        news = partial(deployments.wait, actor, deployment_id, timedelta(seconds=wait))
        seen = await long_polling.wait_for(actor, token, wait, news)
        return DeploymentResponse.of(seen, public_urls)

    @get("/{deployment_id:str}/rollback-window")
    async def get_rollback_window(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
    ) -> RollbackWindowResponse:
        """
        Get the rollback window of a deployment.

        Returns whether the deployment would be rolled back automatically if it failed now.
        """
        return RollbackWindowResponse.of(await deployments.rollback_window(actor, deployment_id))

    roll_back = _requeue_route(
        "rollback",
        DeploymentService.rollback,
        """
        Roll back to a deployment.

        Queues a new deployment with the release and the environment variables of this deployment,
        without a build. 409 means that this deployment never ran, or that its build artifact was
        deleted.
        """,
    )
    redeploy = _requeue_route(
        "redeploy",
        DeploymentService.redeploy,
        """
        Redeploy a deployment.

        Queues a new deployment of the same build with the current environment variables. 409 means
        that the deployment is not the current one.
        """,
    )
    promote = _requeue_route(
        "promote",
        DeploymentService.promote,
        """
        Promote a preview to production.

        Queues a production deployment of the preview's build, with the environment variables of
        production.
        """,
    )

    @post("/{deployment_id:str}/restart", status_code=HTTP_200_OK)
    async def restart_deployment(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        active_deployments: Injected[ActiveDeploymentService],
        public_urls: Injected[PublicUrls],
    ) -> DeploymentResponse:
        """
        Restart a running deployment.

        Replaces the instances with new ones, without downtime. No new deployment is created.
        """
        return DeploymentResponse.of(
            await active_deployments.restart(actor, deployment_id), public_urls
        )

    @post("/{deployment_id:str}/stop", status_code=HTTP_200_OK)
    async def stop_deployment(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        active_deployments: Injected[ActiveDeploymentService],
        public_urls: Injected[PublicUrls],
    ) -> DeploymentResponse:
        """
        Stop a running deployment.

        The deployment stays stopped, even after a reboot, and pushes are ignored until the project
        is started or deployed again.
        """
        return DeploymentResponse.of(
            await active_deployments.stop(actor, deployment_id), public_urls
        )

    @post("/{deployment_id:str}/cancel", status_code=HTTP_200_OK)
    async def cancel_deployment(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
        public_urls: Injected[PublicUrls],
    ) -> DeploymentResponse:
        """
        Cancel a deployment.

        A queued deployment is canceled immediately, and a deployment in progress by its worker. 409
        means that the deployment has ended, or that traffic is already being switched to it.
        """
        cancelled = await deployments.cancel(actor, deployment_id)
        return DeploymentResponse.of(cancelled, public_urls)

    @get("/{deployment_id:str}/events")
    async def list_deployment_events(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        deployments: Injected[DeploymentService],
    ) -> ListResponse[TimelineEventResponse]:
        """
        List the timeline of a deployment.

        Contains the status and phase changes of the deployment, in order.
        """
        events = await deployments.timeline(actor, deployment_id)
        return ListResponse(data=TimelineEventResponse.all_of(events))
