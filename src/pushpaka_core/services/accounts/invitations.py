"""Invitations to project teams: sent by owners, accepted by users with the invited address."""

from collections.abc import Iterable, Sequence

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import (
    INVITATION_LIFETIME,
    MAX_MEMBERS,
    Invitation,
    InvitationId,
    Member,
    NewInvitation,
    ProjectRole,
)
from pushpaka_core.domain.accounts.users import User, normalize_email
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.accounts.teams import OpenInvitation, Team, TeamMember
from pushpaka_core.services.audit_log import AuditLog


@frozen(kw_only=True)
class InvitationService:
    """
    Manages invitations to project teams by email address.

    The address need not have an account yet, and the owner cannot find out whether it has one.
    """

    _storage: Storage
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator

    async def invite(
        self, actor: Actor, id: ProjectId, new_invitation: NewInvitation
    ) -> OpenInvitation:
        """
        Invite an email address to the team. An earlier invitation of the address is replaced.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is not the owner, or signed in with an API token.
            ConflictError: If the user with this address is already in the team, or the team is
                full.
        """
        actor.require_scope(Scope.SIGNED_IN)
        email, now = normalize_email(new_invitation.email), self._now()
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            team = await Team.load(uow, project)
            await self._replace_earlier_invitation(uow, team, email)
            invitation = Invitation(
                id=InvitationId(self._new_id()),
                project_id=id,
                email=email,
                role=new_invitation.role,
                invited_by=actor.require_user(),
                token_version=actor.token_version,
                created_at=now,
                expires_at=now + INVITATION_LIFETIME,
            )
            await uow.invitations.add(invitation)
            await self._audit_log.record(uow, actor, "member.invited", invitation.id, project.slug)
        return OpenInvitation(invitation=invitation, project=project, owner=team.owner)

    async def of_project(self, actor: Actor, id: ProjectId) -> Sequence[OpenInvitation]:
        """
        Return the open invitations to a project, oldest first.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is not the owner.
        """
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            return await self._open_invitations(uow, project)

    async def withdraw(self, actor: Actor, id: ProjectId, invitation_id: InvitationId) -> None:
        """
        Withdraw an open invitation to a project.

        Raises:
            NotFoundError: If there is no such invitation, or the actor cannot see the project.
            NotAllowedError: If the actor is not the owner, or signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            found = _find(await self._open_invitations(uow, project), invitation_id)
            await uow.invitations.remove(found.invitation)
            await self._audit_log.record(uow, actor, "invitation.withdrawn", invitation_id)

    async def all(self, actor: Actor) -> Sequence[OpenInvitation]:
        """Return the open invitations to the actor's email address, oldest first."""
        async with self._storage.snapshot() as uow:
            user = await uow.users.get(actor.require_user())
            return self._valid_invitations(await uow.invitations.of_user(user))

    async def accept(self, actor: Actor, id: InvitationId) -> TeamMember:
        """
        Accept an invitation, and return the actor as a member of the team.

        Raises:
            NotFoundError: If the actor has no such open invitation.
            NotAllowedError: If the actor signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        found = _find(await self.all(actor), id)
        async with self._storage.transaction() as uow:
            # Reading the project locks it, so the invitation cannot be withdrawn at the same time.
            project = await uow.projects.visible_to(PLATFORM).get(found.project.id)
            opened = _find(await self._open_invitations(uow, project), id)
            member = Member(
                project_id=project.id,
                user_id=actor.require_user(),
                role=opened.invitation.role,
                created_at=self._now(),
            )
            await uow.members.put(member)
            await uow.invitations.remove(opened.invitation)
            await self._audit_log.record(uow, actor, "member.joined", member.user_id, project.slug)
            return (await Team.load(uow, project)).with_account(member)

    async def decline(self, actor: Actor, id: InvitationId) -> None:
        """
        Decline an invitation to the actor.

        Raises:
            NotFoundError: If the actor has no such open invitation.
            NotAllowedError: If the actor signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        found = _find(await self.all(actor), id)
        async with self._storage.transaction() as uow:
            await uow.invitations.remove(found.invitation)
            await self._audit_log.record(uow, actor, "invitation.declined", id)

    async def _replace_earlier_invitation(self, uow: UnitOfWork, team: Team, email: str) -> None:
        if any(member.user.email == email for member in team.all):
            raise ConflictError(
                "The user with this email address is already a member of the project. Invite "
                "someone else."
            )
        earlier = await uow.invitations.of_project(team.project)
        for invitation in earlier:
            if invitation.email == email:
                await uow.invitations.remove(invitation)
        others = [invitation for invitation in earlier if invitation.email != email]
        if len(team.all) + len(others) >= MAX_MEMBERS:
            raise ConflictError(
                f"The team has reached its maximum of {MAX_MEMBERS} members, including open "
                "invitations. Remove a member or withdraw an invitation first."
            )

    async def _open_invitations(
        self, uow: UnitOfWork, project: Project
    ) -> Sequence[OpenInvitation]:
        """Return the invitations to a project that are still valid."""
        owner = (await Team.load(uow, project)).owner
        invitations = await uow.invitations.of_project(project)
        return self._valid_invitations((invitation, project, owner) for invitation in invitations)

    def _valid_invitations(
        self, invitations: Iterable[tuple[Invitation, Project, User]]
    ) -> Sequence[OpenInvitation]:
        """Return those invitations that are still valid, with their project and its owner."""
        now = self._now()
        return [
            OpenInvitation(invitation=invitation, project=project, owner=owner)
            for invitation, project, owner in invitations
            if invitation.is_valid(project, owner, now=now)
        ]


def _find(invitations: Sequence[OpenInvitation], id: InvitationId) -> OpenInvitation:
    for each in invitations:
        if each.invitation.id == id:
            return each
    raise NotFoundError("invitation")
