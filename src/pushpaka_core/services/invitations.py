"""Invitations: made by the owner of a project, taken by whoever has the e-mail address."""

from collections.abc import Iterable, Sequence

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.members import (
    INVITATION_LIFETIME,
    MOST_MEMBERS,
    Invitation,
    InvitationId,
    Member,
    NewInvitation,
    ProjectRole,
)
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User, normal_email
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import project_for
from pushpaka_core.services.teams import OpenInvitation, Team, TeamMember


@frozen(kw_only=True)
class InvitationService:
    """
    Lets people into teams by the e-mail address of their account, which may be yet to come.

    Nothing here tells the owner of a project whether an address has an account.
    """

    _storage: Storage
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator

    async def invite(self, actor: Actor, id: ProjectId, new: NewInvitation) -> OpenInvitation:
        """
        Invite an e-mail address into the team, instead of an earlier time; NotFoundError.

        Raises:
            ConflictError: If it is in the team, or the team is full.
        """
        actor.require_scope(Scope.SIGNED_IN)
        email, now = normal_email(new.email), self._now()
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            team = await Team.of(uow, project)
            await self._make_room(uow, team, email)
            invitation = Invitation(
                id=InvitationId(self._new_id()),
                project_id=id,
                email=email,
                role=new.role,
                invited_by=actor.require_user(),
                token_version=actor.token_version,
                created_at=now,
                expires_at=now + INVITATION_LIFETIME,
            )
            await uow.invitations.add(invitation)
            await self._journal.note(uow, actor, "member.invited", invitation.id, project.slug)
        return OpenInvitation(invitation=invitation, project=project, owner=team.owner)

    async def of_project(self, actor: Actor, id: ProjectId) -> Sequence[OpenInvitation]:
        """Return the open invitations to a project, the oldest first; NotFoundError."""
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            return await self._open_to(uow, project)

    async def withdraw(self, actor: Actor, id: ProjectId, invitation_id: InvitationId) -> None:
        """Take an invitation back; NotFoundError."""
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            found = _one(await self._open_to(uow, project), invitation_id)
            await uow.invitations.remove(found.invitation)
            await self._journal.note(uow, actor, "invitation.withdrawn", invitation_id)

    async def all(self, actor: Actor) -> Sequence[OpenInvitation]:
        """Return the open invitations to the actor, the oldest first."""
        async with self._storage.snapshot() as uow:
            user = await uow.users.get(actor.require_user())
            return self._open(await uow.invitations.of_user(user))

    async def accept(self, actor: Actor, id: InvitationId) -> TeamMember:
        """Come into the team that an invitation of the actor is to; NotFoundError."""
        actor.require_scope(Scope.SIGNED_IN)
        found = _one(await self.all(actor), id)
        async with self._storage.transaction() as uow:
            # Read first, and so held: it may be withdrawn at the same time.
            project = await uow.projects.visible_to(PLATFORM).get(found.project.id)
            opened = _one(await self._open_to(uow, project), id)
            member = Member(
                project_id=project.id,
                user_id=actor.require_user(),
                role=opened.invitation.role,
                created_at=self._now(),
            )
            await uow.members.put(member)
            await uow.invitations.remove(opened.invitation)
            await self._journal.note(uow, actor, "member.joined", member.user_id, project.slug)
            return (await Team.of(uow, project)).shown(member)

    async def decline(self, actor: Actor, id: InvitationId) -> None:
        """Take an invitation of the actor away; NotFoundError."""
        actor.require_scope(Scope.SIGNED_IN)
        found = _one(await self.all(actor), id)
        async with self._storage.transaction() as uow:
            await uow.invitations.remove(found.invitation)
            await self._journal.note(uow, actor, "invitation.declined", id)

    async def _make_room(self, uow: UnitOfWork, team: Team, email: str) -> None:
        if any(member.user.email == email for member in team.all):
            raise ConflictError("This e-mail address is in the team already.")
        earlier = await uow.invitations.of_project(team.project)
        for invitation in earlier:
            if invitation.email == email:
                await uow.invitations.remove(invitation)
        others = [invitation for invitation in earlier if invitation.email != email]
        if len(team.all) + len(others) >= MOST_MEMBERS:
            raise ConflictError(
                f"The team has its {MOST_MEMBERS} members, with those that are invited. Remove one."
            )

    async def _open_to(self, uow: UnitOfWork, project: Project) -> Sequence[OpenInvitation]:
        """Return the good ones to a project."""
        owner = (await Team.of(uow, project)).owner
        invitations = await uow.invitations.of_project(project)
        return self._open((invitation, project, owner) for invitation in invitations)

    def _open(
        self, invitations: Iterable[tuple[Invitation, Project, User]]
    ) -> Sequence[OpenInvitation]:
        """Return the good ones of some, each of which comes with its project and whose that is."""
        now = self._now()
        return [
            OpenInvitation(invitation=invitation, project=project, owner=owner)
            for invitation, project, owner in invitations
            if invitation.is_good(project, owner, at=now)
        ]


def _one(opened: Sequence[OpenInvitation], id: InvitationId) -> OpenInvitation:
    for each in opened:
        if each.invitation.id == id:
            return each
    raise NotFoundError("invitation")
