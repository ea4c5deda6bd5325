"""Routes for single environment variables."""

from litestar import Controller, delete, get, post
from litestar.params import FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.env_vars import EnvVarDeletion, NewEnvVar
from pushpaka_core.services.projects.env_vars import EnvVarService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.env_vars import EnvVarResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class EnvVarController(Controller):
    """Environment variables, whose values are never returned."""

    path = "/env"
    tags = ("environment variables",)

    @post("/", status_code=HTTP_200_OK)
    async def set_env_var(
        self,
        data: JSONBody[NewEnvVar],
        actor: Injected[Actor],
        env_vars: Injected[EnvVarService],
    ) -> EnvVarResponse:
        """
        Set an environment variable.

        Creates the variable, or replaces its value. The change applies to the next deployment.
        """
        return EnvVarResponse.of(await env_vars.set(actor, data))

    @get("/")
    async def list_env_vars(
        self,
        project_id: FromQuery[ProjectId],
        actor: Injected[Actor],
        env_vars: Injected[EnvVarService],
    ) -> ListResponse[EnvVarResponse]:
        """
        List the environment variables of a project.

        The variables are ordered by key and scope, and their values are masked.
        """
        found = await env_vars.of_project(actor, project_id)
        return ListResponse(data=[EnvVarResponse.of(env_var) for env_var in found])

    @delete("/", status_code=HTTP_200_OK)
    async def delete_env_var(
        self,
        data: JSONBody[EnvVarDeletion],
        actor: Injected[Actor],
        env_vars: Injected[EnvVarService],
    ) -> MessageResponse:
        """
        Delete an environment variable, named in the body.

        Deletes the variable in one scope or in all scopes. The change applies to the next
        deployment. DELETE /projects/:id/env/:key does the same without a body.
        """
        await env_vars.delete(actor, data)
        return MessageResponse(message="The environment variable was deleted.")
