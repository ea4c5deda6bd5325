"""Deploy keys of projects."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.deploy_keys import DeployKeyService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.deploy_keys import DeployKeyResponse
from pushpaka_http.schemas.lists import MessageResponse


class DeployKeyController(Controller):
    """What opens a project's repository over ssh."""

    path = "/projects/{project_id:str}/deploy-key"
    tags = ("projects",)

    @post("/")
    async def make(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        deploy_keys: Given[DeployKeyService],
    ) -> DeployKeyResponse:
        """Make an ssh key for a project, in place of the one that it has."""
        return DeployKeyResponse.of(await deploy_keys.make(actor, project_id))

    @get("/")
    async def show(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        deploy_keys: Given[DeployKeyService],
    ) -> DeployKeyResponse:
        """Show the public half of a project's ssh key."""
        return DeployKeyResponse.of(await deploy_keys.get(actor, project_id))

    @delete("/", status_code=HTTP_200_OK)
    async def remove(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        deploy_keys: Given[DeployKeyService],
    ) -> MessageResponse:
        """Take the ssh key of a project away."""
        await deploy_keys.delete(actor, project_id)
        return MessageResponse(message="The deploy key was removed.")
