"""Routes for invitations to projects, for inviters and for invitees."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import InvitationId, NewInvitation
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.services.accounts.invitations import InvitationService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import InvitationResponse, MemberResponse


class ProjectInvitationController(Controller):
    """The invitations to a project, which its owner manages."""

    path = "/projects/{project_id:str}/invitations"
    tags = ("teams",)

    @post("/")
    async def create_invitation(
        self,
        project_id: FromPath[ProjectId],
        data: JSONBody[NewInvitation],
        actor: Injected[Actor],
        invitations: Injected[InvitationService],
    ) -> InvitationResponse:
        """
        Invite someone to a project.

        The invitee does not need an account yet. The invitation can be accepted for 7 days.
        """
        return InvitationResponse.of(await invitations.invite(actor, project_id, data))

    @get("/")
    async def list_project_invitations(
        self,
        project_id: FromPath[ProjectId],
        actor: Injected[Actor],
        invitations: Injected[InvitationService],
    ) -> ListResponse[InvitationResponse]:
        """
        List the open invitations to a project.

        The oldest comes first.
        """
        opened = await invitations.of_project(actor, project_id)
        return ListResponse(data=[InvitationResponse.of(each) for each in opened])

    @delete("/{invitation_id:str}", status_code=HTTP_200_OK)
    async def withdraw_invitation(
        self,
        project_id: FromPath[ProjectId],
        invitation_id: FromPath[InvitationId],
        actor: Injected[Actor],
        invitations: Injected[InvitationService],
    ) -> MessageResponse:
        """
        Withdraw an invitation.

        The invitation can no longer be accepted.
        """
        await invitations.withdraw(actor, project_id, invitation_id)
        return MessageResponse(message="The invitation was withdrawn.")


class InvitationController(Controller):
    """The invitations that the user has received."""

    path = "/invitations"
    tags = ("teams",)

    @get("/")
    async def list_invitations(
        self, actor: Injected[Actor], invitations: Injected[InvitationService]
    ) -> ListResponse[InvitationResponse]:
        """
        List your open invitations.

        Contains the invitations to your email address, oldest first.
        """
        opened = await invitations.all(actor)
        return ListResponse(data=[InvitationResponse.of(each) for each in opened])

    @post("/{invitation_id:str}/accept", status_code=HTTP_200_OK)
    async def accept_invitation(
        self,
        invitation_id: FromPath[InvitationId],
        actor: Injected[Actor],
        invitations: Injected[InvitationService],
    ) -> MemberResponse:
        """
        Accept an invitation.

        You become a member of the project, with the role of the invitation.
        """
        return MemberResponse.of(await invitations.accept(actor, invitation_id))

    @delete("/{invitation_id:str}", status_code=HTTP_200_OK)
    async def decline_invitation(
        self,
        invitation_id: FromPath[InvitationId],
        actor: Injected[Actor],
        invitations: Injected[InvitationService],
    ) -> MessageResponse:
        """
        Decline an invitation.

        The invitation is deleted, and the owner of the project can invite you again.
        """
        await invitations.decline(actor, invitation_id)
        return MessageResponse(message="The invitation was declined.")
