"""Routes for projects."""

from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.env_vars import EnvVarDeletion
from pushpaka_core.domain.projects.projects import NewProject, ProjectChanges
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.services.deployments.active_deployment_service import ActiveDeploymentService
from pushpaka_core.services.deployments.plans import PlanService
from pushpaka_core.services.projects.env_vars import EnvVarService
from pushpaka_core.services.projects.projects import ProjectService
from pushpaka_http.dependencies import Injected
from pushpaka_http.middleware.rate_limits import RateLimiter
from pushpaka_http.openapi import OptionalBodyOperation
from pushpaka_http.parameters import EnvScopeFilter, IdempotencyKey
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.env_vars import EnvVarResponse, NewEnvVars
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.plans import PlanResponse
from pushpaka_http.schemas.projects import ProjectResponse

_DEFAULT_PLAN = PlanRequest()


class ProjectController(Controller):
    """Projects, their environment variables and their plans."""

    path = "/projects"
    tags = ("projects",)

    @post("/")
    async def create_project(
        self,
        data: JSONBody[NewProject],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
    ) -> ProjectResponse:
        """
        Create a project.

        Nothing is deployed yet: create a deployment next. 409 means that you already have a project
        with this name.
        """
        return ProjectResponse.of(await projects.create(actor, data))

    @get("/")
    async def list_projects(
        self, actor: Injected[Actor], projects: Injected[ProjectService]
    ) -> ListResponse[ProjectResponse]:
        """
        List projects.

        Contains your own projects and those of which you are a member, newest first.
        """
        return ListResponse(data=[ProjectResponse.of(p) for p in await projects.all(actor)])

    @get("/{project_id:str}")
    async def get_project(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
    ) -> ProjectResponse:
        """
        Get a project.

        Includes its current status and URL.
        """
        return ProjectResponse.of(await projects.get(actor, project_id))

    @patch("/{project_id:str}")
    async def update_project(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[ProjectChanges],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
    ) -> ProjectResponse:
        """
        Change the settings of a project.

        Omitted fields stay unchanged, and null resets a setting. A new number of replicas applies
        immediately; all other settings apply to the next deployment.
        """
        return ProjectResponse.of(await projects.change(actor, project_id, data))

    @delete("/{project_id:str}", status_code=HTTP_200_OK)
    async def delete_project(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
    ) -> MessageResponse:
        """
        Delete a project.

        Stops its instances, and deletes its deployments, logs, files and settings. This cannot be
        undone.
        """
        await projects.delete(actor, project_id)
        return MessageResponse(message="The project was deleted.")

    @put("/{project_id:str}/env")
    async def set_env_vars(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[NewEnvVars],
        actor: Injected[Actor],
        env_vars: Injected[EnvVarService],
    ) -> ListResponse[EnvVarResponse]:
        """
        Set several environment variables.

        Sets all of them or none. Variables that are not in the request stay unchanged.
        """
        changed = await env_vars.set_many(actor, data.for_project(project_id))
        return ListResponse(data=[EnvVarResponse.of(env_var) for env_var in changed])

    @delete("/{project_id:str}/env/{key:str}", status_code=HTTP_200_OK)
    async def delete_project_env_var(
        self,
        project_id: FromPath[ProjectId],
        key: FromPath[str],
        actor: Injected[Actor],
        env_vars: Injected[EnvVarService],
        env_scope: EnvScopeFilter = None,
    ) -> MessageResponse:
        """
        Delete an environment variable, named in the path.

        Deletes the variable in one scope or in all scopes. The change applies to the next
        deployment.
        """
        name = EnvVarDeletion(project_id=project_id, key=key, scope=env_scope)
        await env_vars.delete(actor, name)
        return MessageResponse(message="The environment variable was deleted.")

    @post("/{project_id:str}/plan", status_code=HTTP_200_OK, operation_class=OptionalBodyOperation)
    async def plan_deployment(
        self,
        *,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
        plans: Injected[PlanService],
        rate_limiter: Injected[RateLimiter],
        data: JSONBody[PlanRequest] = _DEFAULT_PLAN,
    ) -> PlanResponse:
        """
        Preview a deployment.

        Fetches the source, and returns the build plan with its reasons. Nothing is built or
        deployed.
        """
        wanted = (await projects.get(actor, project_id)).project
        await rate_limiter.count_plan(actor, wanted.id)
        return PlanResponse.of(await plans.plan(actor, wanted.id, data))

    @post("/{project_id:str}/start", status_code=HTTP_200_OK)
    async def start_project(
        self,
        *,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        projects: Injected[ProjectService],
        active_deployments: Injected[ActiveDeploymentService],
        rate_limiter: Injected[RateLimiter],
        public_urls: Injected[PublicUrls],
        idempotency_key: IdempotencyKey = None,
    ) -> DeploymentResponse:
        """
        Start a stopped project.

        Queues a deployment of the last production release, without a build.
        """
        wanted = (await projects.get(actor, project_id)).project
        await rate_limiter.count_deployment(actor, wanted.id)
        queued = await active_deployments.start(actor, wanted.id, idempotency_key=idempotency_key)
        return DeploymentResponse.of(queued, public_urls)
