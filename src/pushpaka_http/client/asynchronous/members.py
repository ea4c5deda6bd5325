"""Methods for project members and invitations."""

from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, json_body
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.members import InvitationResponse, MemberResponse


class AsyncMembers(AsyncNamespace):
    """Members of projects, and invitations to projects."""

    async def list(self, project_id: Id) -> ListResponse[MemberResponse]:
        """List the members of a project, starting with the owner."""
        return await self._connection.request(
            call("GET", "/projects/{}/members", project_id), ListResponse[MemberResponse]
        )

    async def update(
        self, project_id: Id, user_id: Id, *, role: ProjectRole | str
    ) -> MemberResponse:
        """Change the role of a member."""
        body = json_body(role=role)
        return await self._connection.request(
            call("PATCH", "/projects/{}/members/{}", project_id, user_id, body=body),
            MemberResponse,
        )

    async def delete(self, project_id: Id, user_id: Id) -> MessageResponse:
        """Remove a member from a project, or leave it yourself."""
        return await self._connection.request(
            call("DELETE", "/projects/{}/members/{}", project_id, user_id), MessageResponse
        )

    async def invitations(self, project_id: Id) -> ListResponse[InvitationResponse]:
        """List the open invitations to a project, oldest first."""
        return await self._connection.request(
            call("GET", "/projects/{}/invitations", project_id), ListResponse[InvitationResponse]
        )

    async def invite(
        self, project_id: Id, *, email: str, role: ProjectRole | str
    ) -> InvitationResponse:
        """Invite an email address to a project, with or without an account."""
        body = json_body(email=email, role=role)
        return await self._connection.request(
            call("POST", "/projects/{}/invitations", project_id, body=body), InvitationResponse
        )

    async def withdraw(self, project_id: Id, invitation_id: Id) -> MessageResponse:
        """Withdraw an invitation."""
        return await self._connection.request(
            call("DELETE", "/projects/{}/invitations/{}", project_id, invitation_id),
            MessageResponse,
        )


class AsyncInvitations(AsyncNamespace):
    """Invitations to the user."""

    async def list(self) -> ListResponse[InvitationResponse]:
        """List your open invitations, oldest first."""
        return await self._connection.request(
            call("GET", "/invitations"), ListResponse[InvitationResponse]
        )

    async def accept(self, invitation_id: Id) -> MemberResponse:
        """Accept an invitation and become a member."""
        return await self._connection.request(
            call("POST", "/invitations/{}/accept", invitation_id), MemberResponse
        )

    async def decline(self, invitation_id: Id) -> MessageResponse:
        """Decline an invitation."""
        return await self._connection.request(
            call("DELETE", "/invitations/{}", invitation_id), MessageResponse
        )
