"""Env vars, one at a time."""

from litestar import Controller, delete, get, post
from litestar.params import FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.env_vars import EnvVarName, NewEnvVar
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.env_vars import EnvVarResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class EnvVarController(Controller):
    """Settings and secrets of applications, whose values never come back."""

    path = "/env"
    tags = ("environment variables",)

    @post("/", status_code=HTTP_200_OK)
    async def set(
        self,
        data: JSONBody[NewEnvVar],
        actor: Given[Actor],
        env_vars: Given[EnvVarService],
    ) -> EnvVarResponse:
        """Set or update an env var; deployments from now on see it."""
        return EnvVarResponse.of(await env_vars.set(actor, data))

    @get("/")
    async def of_project(
        self,
        project_id: FromQuery[ProjectId],
        actor: Given[Actor],
        env_vars: Given[EnvVarService],
    ) -> ListResponse[EnvVarResponse]:
        """List the env vars of a project, their values masked."""
        found = await env_vars.of_project(actor, project_id)
        return ListResponse(data=[EnvVarResponse.of(env_var) for env_var in found])

    @delete("/", status_code=HTTP_200_OK)
    async def remove(
        self,
        data: JSONBody[EnvVarName],
        actor: Given[Actor],
        env_vars: Given[EnvVarService],
    ) -> MessageResponse:
        """Delete an env var, in one scope or in all."""
        await env_vars.delete(actor, data)
        return MessageResponse(message="The environment variable was deleted.")
