"""Invitations into teams, for who makes them and for whom they are."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import InvitationId, NewInvitation
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.invitations import InvitationService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import InvitationResponse, MemberResponse


class ProjectInvitationController(Controller):
    """Who may come into the team of a project."""

    path = "/projects/{project_id:str}/invitations"
    tags = ("teams",)

    @post("/")
    async def invite(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[NewInvitation],
        actor: Given[Actor],
        invitations: Given[InvitationService],
    ) -> InvitationResponse:
        """Invite whoever has an e-mail address, or will have an account with it."""
        return InvitationResponse.of(await invitations.invite(actor, project_id, data))

    @get("/")
    async def all(
        self,
        project_id: FromPath[ProjectId],
        actor: Given[Actor],
        invitations: Given[InvitationService],
    ) -> ListResponse[InvitationResponse]:
        """List the open invitations to a project, the oldest first."""
        opened = await invitations.of_project(actor, project_id)
        return ListResponse(data=[InvitationResponse.of(each) for each in opened])

    @delete("/{invitation_id:str}", status_code=HTTP_200_OK)
    async def withdraw(
        self,
        project_id: FromPath[ProjectId],
        invitation_id: FromPath[InvitationId],
        actor: Given[Actor],
        invitations: Given[InvitationService],
    ) -> MessageResponse:
        """Take an invitation back."""
        await invitations.withdraw(actor, project_id, invitation_id)
        return MessageResponse(message="The invitation was withdrawn.")


class InvitationController(Controller):
    """What somebody is invited to."""

    path = "/invitations"
    tags = ("teams",)

    @get("/")
    async def all(
        self, actor: Given[Actor], invitations: Given[InvitationService]
    ) -> ListResponse[InvitationResponse]:
        """List the open invitations to you, the oldest first."""
        opened = await invitations.all(actor)
        return ListResponse(data=[InvitationResponse.of(each) for each in opened])

    @post("/{invitation_id:str}/accept", status_code=HTTP_200_OK)
    async def accept(
        self,
        invitation_id: FromPath[InvitationId],
        actor: Given[Actor],
        invitations: Given[InvitationService],
    ) -> MemberResponse:
        """Come into the team."""
        return MemberResponse.of(await invitations.accept(actor, invitation_id))

    @delete("/{invitation_id:str}", status_code=HTTP_200_OK)
    async def decline(
        self,
        invitation_id: FromPath[InvitationId],
        actor: Given[Actor],
        invitations: Given[InvitationService],
    ) -> MessageResponse:
        """Say no."""
        await invitations.decline(actor, invitation_id)
        return MessageResponse(message="The invitation was declined.")
