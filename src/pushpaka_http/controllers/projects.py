"""Projects."""

from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.plans import NewPlan
from pushpaka_core.domain.projects import NewProject, ProjectChanges, ProjectId
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.plans import PlanService
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.services.serving import ServingService
from pushpaka_http.dependencies import Given
from pushpaka_http.openapi import WithOptionalBody
from pushpaka_http.parameters import IdempotencyKey
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.env_vars import EnvVarResponse, NewEnvVars
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.plans import PlanResponse
from pushpaka_http.schemas.projects import ProjectResponse

_AS_DEPLOYED = NewPlan()


class ProjectController(Controller):
    """Repositories that are deployed here."""

    path = "/projects"
    tags = ("projects",)

    @post("/")
    async def create(
        self,
        data: JSONBody[NewProject],
        actor: Given[Actor],
        projects: Given[ProjectService],
    ) -> ProjectResponse:
        """Create a project."""
        return ProjectResponse.of(await projects.create(actor, data))

    @get("/")
    async def all(
        self, actor: Given[Actor], projects: Given[ProjectService]
    ) -> ListResponse[ProjectResponse]:
        """List your projects, the newest first."""
        return ListResponse(data=[ProjectResponse.of(p) for p in await projects.all(actor)])

    @get("/{project_id:str}")
    async def show(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        projects: Given[ProjectService],
    ) -> ProjectResponse:
        """Show a project."""
        return ProjectResponse.of(await projects.get(actor, project_id))

    @patch("/{project_id:str}")
    async def change(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[ProjectChanges],
        actor: Given[Actor],
        projects: Given[ProjectService],
    ) -> ProjectResponse:
        """Change settings of a project; what is absent is untouched."""
        return ProjectResponse.of(await projects.change(actor, project_id, data))

    @delete("/{project_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        projects: Given[ProjectService],
    ) -> MessageResponse:
        """Delete a project with all its deployments."""
        await projects.delete(actor, project_id)
        return MessageResponse(message="The project was deleted.")

    @put("/{project_id:str}/env")
    async def set_env_vars(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[NewEnvVars],
        actor: Given[Actor],
        env_vars: Given[EnvVarService],
    ) -> ListResponse[EnvVarResponse]:
        """Set several env vars at once; others are untouched."""
        changed = await env_vars.set_many(actor, data.of_project(project_id))
        return ListResponse(data=[EnvVarResponse.of(env_var) for env_var in changed])

    @post("/{project_id:str}/plan", status_code=HTTP_200_OK, operation_class=WithOptionalBody)
    async def plan(
        self,
        *,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        projects: Given[ProjectService],
        plans: Given[PlanService],
        rate_limits: Given[RateLimits],
        data: JSONBody[NewPlan] = _AS_DEPLOYED,
    ) -> PlanResponse:
        """Say what a deployment would do and why, without one."""
        wanted = (await projects.get(actor, project_id)).project
        await rate_limits.plan_of(actor, wanted.id)
        return PlanResponse.of(await plans.plan(actor, wanted.id, data))

    @post("/{project_id:str}/start", status_code=HTTP_200_OK)
    async def start(
        self,
        *,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        projects: Given[ProjectService],
        serving: Given[ServingService],
        rate_limits: Given[RateLimits],
        addresses: Given[Addresses],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """Serve again what production served until it was stopped, by a new deployment."""
        wanted = (await projects.get(actor, project_id)).project
        await rate_limits.deployment_of(actor, wanted.id)
        queued = await serving.start(actor, wanted.id, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, addresses)
