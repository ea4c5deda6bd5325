"""Members of a project: list them, change their roles, remove them, transfer ownership."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import Member, ProjectRole, ProjectTransfer, RoleChange
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import ConflictError, NotFoundError, QuotaReachedError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.accounts.teams import Team, TeamMember
from pushpaka_core.services.audit_log import AuditLog


@frozen(kw_only=True)
class MemberService:
    """Manages the team of a project. A project always has exactly one owner."""

    _storage: Storage
    _audit_log: AuditLog
    _now: Clock
    _quotas: Quotas = field(factory=Quotas)

    async def all(self, actor: Actor, id: ProjectId) -> Sequence[TeamMember]:
        """
        Return the owner of a project, then its members, longest-standing first.

        Raises:
            NotFoundError: If *actor* cannot view the project.
        """
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, id, ProjectRole.VIEWER)
            return (await Team.load(uow, project)).all

    async def change(
        self, actor: Actor, id: ProjectId, user_id: UserId, role_change: RoleChange
    ) -> TeamMember:
        """
        Change the role of a member. The new role applies from the member's next request.

        Raises:
            NotFoundError: If *actor* cannot view the project, or the project has no such member.
            NotAllowedError: If *actor* is not the owner, or signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            team = await Team.load(uow, project)
            member = team.member(user_id).with_role(role_change.role)
            await uow.members.put(member)
            await self._audit_log.record(
                uow, actor, f"member.made_{role_change.role}", user_id, project.slug
            )
        return team.with_account(member)

    async def remove(self, actor: Actor, id: ProjectId, user_id: UserId) -> None:
        """
        Remove a member. Members may remove themselves; only the owner may remove others.

        Raises:
            ConflictError: If the user is the owner of the project.
            NotFoundError: If *actor* cannot view the project, or the project has no such member.
            NotAllowedError: If *actor* may not remove this member, or signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        is_leaving = user_id == actor.user_id
        needed = ProjectRole.VIEWER if is_leaving else ProjectRole.OWNER
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, needed)
            if user_id == project.user_id:
                raise ConflictError(
                    "The owner cannot leave the project. Transfer it to a member first, or "
                    "delete it."
                )
            await uow.members.remove((await Team.load(uow, project)).member(user_id))
            action = "member.left" if is_leaving else "member.removed"
            await self._audit_log.record(uow, actor, action, user_id, project.slug)

    async def transfer(self, actor: Actor, id: ProjectId, transfer: ProjectTransfer) -> TeamMember:
        """
        Make a member the owner of a project. The previous owner remains a member.

        The Git token is removed from the project and its open invitations are deleted, because they
        belong to the previous owner. Custom domains, volumes and snapshots count against the new
        owner's quotas.

        Raises:
            ConflictError: If the new owner's account is disabled, or the project, its custom
                domains or its volumes would exceed the new owner's quotas.
            DuplicateError: If the new owner already has a project of that name.
            NotFoundError: If *actor* cannot view the project, or the project has no such member.
            NotAllowedError: If *actor* is not the owner, or signed in with an API token.
        """
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            team = await Team.load(uow, project)
            heir = team.with_account(team.member(transfer.owner_id))
            domains = await uow.custom_domains.visible_to(actor).of_project(id)
            volumes = await uow.volumes.visible_to(actor).of_project(id)
            await self._require_quota(uow, heir.user, domains, volumes)
            await self._transfer(uow, project, team.member(transfer.owner_id), domains)
            for volume in volumes:
                with suppress(NotFoundError):  # Purged since it was listed.
                    # Read again to lock the row, as for domains.
                    kept = await uow.volumes.visible_to(PLATFORM).get(volume.id)
                    await uow.volumes.update(evolve(kept, user_id=heir.user.id))
            await self._audit_log.record(
                uow, actor, "project.transferred", id, f"{project.slug} to {heir.user.email}"
            )
        return evolve(heir, role=ProjectRole.OWNER)

    async def _require_quota(
        self,
        uow: UnitOfWork,
        new_owner: User,
        domains: Sequence[CustomDomain],
        volumes: Sequence[Volume],
    ) -> None:
        if new_owner.disabled_at is not None:
            raise ConflictError("This member's account is disabled. Choose a different new owner.")
        holding = await uow.users.quota_usage(new_owner.id)
        try:
            self._quotas.require_project_quota(holding)
        except QuotaReachedError:
            raise ConflictError(
                "The new owner has the maximum number of projects. They must delete one first."
            ) from None
        if not self._quotas.can_take_over(holding, domains):
            raise ConflictError(
                "This transfer would exceed the new owner's limit on custom domains. Delete some "
                "custom domains first."
            )
        if holding.volumes + len(volumes) > self._quotas.volumes:
            raise ConflictError(
                "This transfer would exceed the new owner's limit on volumes. Purge some volumes "
                "first."
            )
        if not self._quotas.can_store(holding, await _stored_bytes(uow, volumes)):
            raise ConflictError(
                "This transfer would exceed the new owner's limit on the size of volumes and "
                "snapshots. Delete snapshots or files, or purge some volumes first."
            )

    async def _transfer(
        self,
        uow: UnitOfWork,
        project: Project,
        new_owner: Member,
        domains: Sequence[CustomDomain],
    ) -> None:
        now = self._now()
        await uow.projects.update(project.with_owner(new_owner.user_id, now=now))
        await uow.members.remove(new_owner)
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
            with suppress(NotFoundError):  # Removed since it was listed.
                # Read again to lock the row: a DNS check may be updating it at the same time.
                present = await uow.custom_domains.visible_to(PLATFORM).get(domain.id)
                await uow.custom_domains.update(evolve(present, user_id=new_owner.user_id))


async def _stored_bytes(uow: UnitOfWork, volumes: Iterable[Volume]) -> int:
    """Return the size of the files in *volumes* and of their snapshots, in bytes."""
    total = 0
    for volume in volumes:
        snapshots = await uow.snapshots.visible_to(PLATFORM).of_volume(volume.id)
        total += (volume.used_bytes or 0) + sum(one.size_bytes or 0 for one in snapshots)
    return total
