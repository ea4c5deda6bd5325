"""Routes for project members."""

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectTransfer, RoleChange
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.services.accounts.members import MemberService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import MemberResponse


class MemberController(Controller):
    """Members of a project and their roles."""

    path = "/projects/{project_id:str}"
    tags = ("teams",)

    @get("/members")
    async def list_members(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        members: Injected[MemberService],
    ) -> ListResponse[MemberResponse]:
        """
        List the members of a project.

        The owner comes first.
        """
        team = await members.all(actor, project_id)
        return ListResponse(data=[MemberResponse.of(member) for member in team])

    @patch("/members/{user_id:str}")
    async def update_member(
        self,
        project_id: FromPath[ProjectId],
        user_id: FromPath[UserId],
        data: JSONBody[RoleChange],
        actor: Injected[Actor],
        members: Injected[MemberService],
    ) -> MemberResponse:
        """
        Change the role of a member.

        The role "owner" cannot be assigned: transfer the project instead.
        """
        return MemberResponse.of(await members.change(actor, project_id, user_id, data))

    @delete("/members/{user_id:str}", status_code=HTTP_200_OK)
    async def remove_member(
        self,
        project_id: FromPath[ProjectId],
        user_id: FromPath[UserId],
        actor: Injected[Actor],
        members: Injected[MemberService],
    ) -> MessageResponse:
        """
        Remove a member from a project.

        Owners can remove others, and members can remove themselves to leave the project.
        """
        await members.remove(actor, project_id, user_id)
        return MessageResponse(message="The member was removed.")

    @post("/transfer", status_code=HTTP_200_OK)
    async def transfer_project(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[ProjectTransfer],
        actor: Injected[Actor],
        members: Injected[MemberService],
    ) -> MemberResponse:
        """
        Transfer a project to another member.

        The member becomes the owner. You stay a member, and the Git token is deleted.
        """
        return MemberResponse.of(await members.transfer(actor, project_id, data))
