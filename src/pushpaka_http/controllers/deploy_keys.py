"""Routes for deploy keys."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.services.projects.deploy_keys import DeployKeyService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.deploy_keys import DeployKeyResponse
from pushpaka_http.schemas.lists import MessageResponse


class DeployKeyController(Controller):
    """The deploy key of a project, which gives access to its repository over SSH."""

    path = "/projects/{project_id:str}/deploy-key"
    tags = ("projects",)

    @post("/")
    async def create_deploy_key(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        deploy_keys: Injected[DeployKeyService],
    ) -> DeployKeyResponse:
        """
        Create the deploy key of a project.

        Replaces an existing key. Add the public key to the repository to give the project access
        over SSH.
        """
        return DeployKeyResponse.of(await deploy_keys.create(actor, project_id))

    @get("/")
    async def get_deploy_key(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        deploy_keys: Injected[DeployKeyService],
    ) -> DeployKeyResponse:
        """
        Get the deploy key of a project.

        Returns only the public key. 404 means that the project has none.
        """
        return DeployKeyResponse.of(await deploy_keys.get(actor, project_id))

    @delete("/", status_code=HTTP_200_OK)
    async def delete_deploy_key(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        deploy_keys: Injected[DeployKeyService],
    ) -> MessageResponse:
        """
        Delete the deploy key of a project.

        Deployments can no longer read a private repository over SSH.
        """
        await deploy_keys.delete(actor, project_id)
        return MessageResponse(message="The deploy key was removed.")
