"""Who may do what with a project, and who is invited."""

from pushpaka_core.domain.members import ProjectRole
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import InvitationResponse, MemberResponse


class AsyncMembers(AsyncNamespace):
    """The team of a project, and whom it waits for."""

    async def list(self, project_id: Id) -> ListResponse[MemberResponse]:
        """List the team of a project, its owner first."""
        return await self._connection.ask(
            call("GET", "/projects/{}/members", project_id), ListResponse[MemberResponse]
        )

    async def update(
        self, project_id: Id, user_id: Id, *, role: ProjectRole | str
    ) -> MemberResponse:
        """Give a member another role."""
        body = given(role=role)
        return await self._connection.ask(
            call("PATCH", "/projects/{}/members/{}", project_id, user_id, body=body),
            MemberResponse,
        )

    async def delete(self, project_id: Id, user_id: Id) -> MessageResponse:
        """Take a member out of the team, or leave it."""
        return await self._connection.ask(
            call("DELETE", "/projects/{}/members/{}", project_id, user_id), MessageResponse
        )

    async def invitations(self, project_id: Id) -> ListResponse[InvitationResponse]:
        """List the open invitations to a project, the oldest first."""
        return await self._connection.ask(
            call("GET", "/projects/{}/invitations", project_id), ListResponse[InvitationResponse]
        )

    async def invite(
        self, project_id: Id, *, email: str, role: ProjectRole | str
    ) -> InvitationResponse:
        """Invite whoever has an e-mail address, or will have an account with it."""
        body = given(email=email, role=role)
        return await self._connection.ask(
            call("POST", "/projects/{}/invitations", project_id, body=body), InvitationResponse
        )

    async def withdraw(self, project_id: Id, invitation_id: Id) -> MessageResponse:
        """Take an invitation back."""
        return await self._connection.ask(
            call("DELETE", "/projects/{}/invitations/{}", project_id, invitation_id),
            MessageResponse,
        )


class AsyncInvitations(AsyncNamespace):
    """What you are invited to."""

    async def list(self) -> ListResponse[InvitationResponse]:
        """List the open invitations to you, the oldest first."""
        return await self._connection.ask(
            call("GET", "/invitations"), ListResponse[InvitationResponse]
        )

    async def accept(self, invitation_id: Id) -> MemberResponse:
        """Come into the team."""
        return await self._connection.ask(
            call("POST", "/invitations/{}/accept", invitation_id), MemberResponse
        )

    async def decline(self, invitation_id: Id) -> MessageResponse:
        """Say no."""
        return await self._connection.ask(
            call("DELETE", "/invitations/{}", invitation_id), MessageResponse
        )
