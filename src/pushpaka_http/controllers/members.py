"""Teams of projects."""

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import NewOwner, NewRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.services.members import MemberService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import MemberResponse


class MemberController(Controller):
    """Who may do what with a project."""

    path = "/projects/{project_id:str}"
    tags = ("teams",)

    @get("/members")
    async def all(
        self, project_id: FromPath[ProjectId], actor: Given[Actor], members: Given[MemberService]
    ) -> ListResponse[MemberResponse]:
        """List the team of a project, its owner first."""
        team = await members.all(actor, project_id)
        return ListResponse(data=[MemberResponse.of(member) for member in team])

    @patch("/members/{user_id:str}")
    async def change(
        self,
        project_id: FromPath[ProjectId],
        user_id: FromPath[UserId],
        data: JSONBody[NewRole],
        actor: Given[Actor],
        members: Given[MemberService],
    ) -> MemberResponse:
        """Give a member another role."""
        return MemberResponse.of(await members.change(actor, project_id, user_id, data))

    @delete("/members/{user_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        project_id: FromPath[ProjectId],
        user_id: FromPath[UserId],
        actor: Given[Actor],
        members: Given[MemberService],
    ) -> MessageResponse:
        """Take a member out of the team, or leave it."""
        await members.remove(actor, project_id, user_id)
        return MessageResponse(message="The member was removed.")

    @post("/transfer", status_code=HTTP_200_OK)
    async def transfer(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[NewOwner],
        actor: Given[Actor],
        members: Given[MemberService],
    ) -> MemberResponse:
        """Make a member the owner, and stay as a member; the git token is forgotten."""
        return MemberResponse.of(await members.transfer(actor, project_id, data))
