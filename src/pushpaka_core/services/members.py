"""Teams: seen by all who are in them, changed by the owner of the project."""

from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.custom_domains import CustomDomain
from pushpaka_core.domain.members import Member, NewOwner, NewRole, ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.errors import ConflictError, NotFoundError, QuotaReachedError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import project_for
from pushpaka_core.services.teams import Team, TeamMember


@frozen(kw_only=True)
class MemberService:
    """Keeps who is in the team of a project; a project has one owner at any time."""

    _storage: Storage
    _journal: Journal
    _now: Clock
    _quotas: Quotas = field(factory=Quotas)

    async def all(self, actor: Actor, id: ProjectId) -> Sequence[TeamMember]:
        """Return the team of a project, its owner first; NotFoundError."""
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, id, ProjectRole.VIEWER)
            return (await Team.of(uow, project)).all

    async def change(
        self, actor: Actor, id: ProjectId, user_id: UserId, new: NewRole
    ) -> TeamMember:
        """Give a member another role, from their next request on; NotFoundError."""
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            team = await Team.of(uow, project)
            member = team.member(user_id).with_role(new.role)
            await uow.members.put(member)
            await self._journal.note(uow, actor, f"member.made_{new.role}", user_id, project.slug)
        return team.shown(member)

    async def remove(self, actor: Actor, id: ProjectId, user_id: UserId) -> None:
        """
        Take a member out of the team, who may be the actor.

        Raises:
            ConflictError: If it is the owner, without whom there is no project.
            NotFoundError: If there is no such member, or no project for the actor.
        """
        actor.require_scope(Scope.SIGNED_IN)
        is_leaving = user_id == actor.user_id
        needed = ProjectRole.VIEWER if is_leaving else ProjectRole.OWNER
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, needed)
            if user_id == project.user_id:
                raise ConflictError(
                    "A project is never without its owner. Transfer it to a member, or delete it."
                )
            await uow.members.remove((await Team.of(uow, project)).member(user_id))
            action = "member.left" if is_leaving else "member.removed"
            await self._journal.note(uow, actor, action, user_id, project.slug)

    async def transfer(self, actor: Actor, id: ProjectId, new: NewOwner) -> TeamMember:
        """
        Hand a project over to a member, and stay as a member.

        Its git token is forgotten and its open invitations end: they were the old owner's.

        Raises:
            ConflictError: If the account is disabled, or would have more projects or custom
                domains than one may have.
            DuplicateError: If the member owns a project of that name.
            NotFoundError: If there is no such member, or no project for the actor.
        """
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            team = await Team.of(uow, project)
            heir = team.shown(team.member(new.owner_id))
            domains = await _domains_of(uow, actor, project)
            await self._require_room(uow, heir.user, domains)
            await self._hand_over(uow, project, team.member(new.owner_id), domains)
            await self._journal.note(
                uow, actor, "project.transferred", id, f"{project.slug} to {heir.user.email}"
            )
        return evolve(heir, role=ProjectRole.OWNER)

    async def _require_room(
        self, uow: UnitOfWork, heir: User, domains: Sequence[CustomDomain]
    ) -> None:
        if heir.disabled_at is not None:
            raise ConflictError("This account is disabled, and cannot be given a project.")
        holding = await uow.users.holding(heir.id)
        try:
            self._quotas.check_project(holding)
        except QuotaReachedError:
            raise ConflictError("This member has as many projects as one may have.") from None
        if not self._quotas.has_room_for(holding, domains):
            raise ConflictError(
                "With those of this project, the member would have more custom domains than one "
                "may have. Delete some of them."
            )

    async def _hand_over(
        self,
        uow: UnitOfWork,
        project: Project,
        heir: Member,
        domains: Sequence[CustomDomain],
    ) -> None:
        now = self._now()
        await uow.projects.update(project.handed_to(heir.user_id, at=now))
        await uow.members.remove(heir)
        await uow.members.put(
            Member(
                project_id=project.id,
                user_id=project.user_id,
                role=ProjectRole.MEMBER,
                created_at=now,
            )
        )
        for invitation in await uow.invitations.of_project(project):
            await uow.invitations.remove(invitation)
        for domain in domains:
            with suppress(NotFoundError):  # Then it was removed meanwhile.
                # Read anew, and so held: it may be looked at in the DNS at the same time.
                present = await uow.custom_domains.visible_to(PLATFORM).get(domain.id)
                await uow.custom_domains.update(evolve(present, user_id=heir.user_id))


async def _domains_of(uow: UnitOfWork, actor: Actor, project: Project) -> Sequence[CustomDomain]:
    domains = await uow.custom_domains.visible_to(actor).all()
    return [domain for domain in domains if domain.project_id == project.id]
