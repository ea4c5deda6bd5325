"""Deployments."""

from datetime import timedelta
from functools import partial

from litestar import Controller, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import DeploymentId, NewDeployment
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.serving import ServingService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Given
from pushpaka_http.parameters import IdempotencyKey, Limit, Offset, Text, Wait
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.lists import ListResponse, PageResponse
from pushpaka_http.watching import Waiting


class DeploymentController(Controller):
    """Attempts to turn a commit into something that runs."""

    path = "/deployments"
    tags = ("deployments",)

    @post("/")
    async def deploy(
        self,
        *,
        data: JSONBody[NewDeployment],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        rate_limits: Given[RateLimits],
        addresses: Given[Addresses],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """Deploy a commit or an archive of a project; the deployment is queued at once."""
        await rate_limits.deployment_of(actor, data.project_id)
        queued = await deployments.deploy(actor, data, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, addresses)

    @get("/")
    async def page(
        self,
        *,
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        addresses: Given[Addresses],
        project_id: FromQuery[ProjectId | None] = None,
        status: FromQuery[DeploymentStatus | None] = None,
        target: Text = "",
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> PageResponse[DeploymentResponse]:
        """List your deployments, the newest first."""
        wanted = DeploymentFilter(project_id=project_id, status=status, target=target or None)
        page = await deployments.page(actor, wanted, limit=limit, offset=offset)
        return PageResponse(
            data=[DeploymentResponse.of(deployment, addresses) for deployment in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )

    @get("/{deployment_id:str}")
    async def show(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        token: Given[Token],
        deployments: Given[DeploymentService],
        waiting: Given[Waiting],
        addresses: Given[Addresses],
        wait: Wait = 0,
    ) -> DeploymentResponse:
        """Show a deployment, at once or when there is news of its end."""
        news = partial(deployments.wait, actor, deployment_id, timedelta(seconds=wait))
        seen = await waiting.outlast(actor, token, wait, news)
        return DeploymentResponse.of(seen, addresses)

    @post("/{deployment_id:str}/rollback")
    async def roll_back(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        rate_limits: Given[RateLimits],
        addresses: Given[Addresses],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """Serve again what this deployment served, by a new deployment without a build."""
        wanted = await deployments.get(actor, deployment_id)
        await rate_limits.deployment_of(actor, wanted.project_id)
        queued = await deployments.rollback(actor, wanted.id, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, addresses)

    @post("/{deployment_id:str}/redeploy")
    async def redeploy(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        rate_limits: Given[RateLimits],
        addresses: Given[Addresses],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """Serve what this deployment serves with today's env vars, without a build."""
        wanted = await deployments.get(actor, deployment_id)
        await rate_limits.deployment_of(actor, wanted.project_id)
        queued = await deployments.redeploy(actor, wanted.id, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, addresses)

    @post("/{deployment_id:str}/promote")
    async def promote(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        rate_limits: Given[RateLimits],
        addresses: Given[Addresses],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """Serve what this preview serves as production, with production's env vars."""
        wanted = await deployments.get(actor, deployment_id)
        await rate_limits.deployment_of(actor, wanted.project_id)
        queued = await deployments.promote(actor, wanted.id, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, addresses)

    @post("/{deployment_id:str}/restart", status_code=HTTP_200_OK)
    async def restart(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        serving: Given[ServingService],
        addresses: Given[Addresses],
    ) -> DeploymentResponse:
        """Replace the instances of a running deployment by new ones, without a gap."""
        return DeploymentResponse.of(await serving.restart(actor, deployment_id), addresses)

    @post("/{deployment_id:str}/stop", status_code=HTTP_200_OK)
    async def stop(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        serving: Given[ServingService],
        addresses: Given[Addresses],
    ) -> DeploymentResponse:
        """Stop a running deployment, until its project is started or deployed."""
        return DeploymentResponse.of(await serving.stop(actor, deployment_id), addresses)

    @post("/{deployment_id:str}/cancel", status_code=HTTP_200_OK)
    async def cancel(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
        addresses: Given[Addresses],
    ) -> DeploymentResponse:
        """Cancel a deployment that does not run yet."""
        cancelled = await deployments.cancel(actor, deployment_id)
        return DeploymentResponse.of(cancelled, addresses)

    @get("/{deployment_id:str}/events")
    async def timeline(
        self,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        deployments: Given[DeploymentService],
    ) -> ListResponse[TimelineEventResponse]:
        """List the steps of a deployment: when, for how long, why and by whom."""
        events = await deployments.timeline(actor, deployment_id)
        return ListResponse(data=TimelineEventResponse.all_of(events))
