"""Users, members, invitations, API tokens and the audit log in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.project_entities import MemoryProjectEntities
from pushpaka_core.adapters.memory.storage.tables import (
    Tables,
    next_version,
    remove_entities,
    require_unique,
    role_of,
)
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import (
    INVITATIONS,
    Invitation,
    InvitationId,
    Member,
    ProjectRole,
)
from pushpaka_core.domain.accounts.quotas import QuotaUsage
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken
from pushpaka_core.domain.accounts.users import User, normalize_email
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ApiTokenId, ProjectId, UserId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CUSTOM_DOMAINS
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.page import Page


@frozen
class MemoryUsers:
    """In-memory implementation of `Users`."""

    _tables: Tables

    async def get(self, id: UserId, /) -> User:
        return self._tables.users.get(id, "user")

    async def find_by_token(self, token_id: str, id: UserId, /) -> User | None:
        return None if token_id in self._tables.ended_tokens else self._tables.users.find(id)

    async def find_by_email(self, email: str, /) -> User | None:
        normalized = normalize_email(email)
        return next((user for user in self._tables.users if user.email == normalized), None)

    async def add(self, user: User, /) -> None:
        self._require_unique(user)
        self._tables.users.add(user.id, user)

    async def update(self, user: User, /) -> User:
        kept = next_version(self._tables.users.find(user.id), user, "user")
        self._require_unique(user)
        self._tables.users.put(user.id, kept)
        return kept

    async def of_team(self, project: Project, /) -> Sequence[User]:
        team = {m.user_id for m in self._tables.members if m.project_id == project.id}
        return [u for u in await self.all() if u.id == project.user_id or u.id in team]

    async def any_exist(self) -> bool:
        """Return whether there is a user."""
        return any(True for _ in self._tables.users)

    async def all(self) -> Sequence[User]:
        return sorted(self._tables.users, key=lambda user: (user.created_at, user.id))

    async def quota_usage(self, id: UserId, /) -> QuotaUsage:
        tables = self._tables
        projects = tables.projects.where(lambda p: p.user_id == id and p.deleted_at is None)
        deployments = tables.deployments.where(lambda d: d.user_id == id)
        domains = [d for d in tables.entities_of(CUSTOM_DOMAINS) if d.user_id == id]
        volumes = tables.volumes.where(lambda volume: volume.user_id == id)
        volume_ids = {volume.id for volume in volumes}
        snapshots = tables.snapshots.where(lambda s: s.volume_id in volume_ids)
        return QuotaUsage(
            projects=len(projects),
            queued_deployments=sum(d.status is DeploymentStatus.QUEUED for d in deployments),
            domains=len(domains),
            unverified_domains=sum(not d.is_verified for d in domains),
            archive_bytes=sum(a.size for a in tables.archives.where(lambda a: a.user_id == id)),
            volumes=len(volumes),
            volume_bytes=sum(volume.used_bytes or 0 for volume in volumes)
            + sum(snapshot.size_bytes or 0 for snapshot in snapshots),
        )

    def _require_unique(self, user: User) -> None:
        users = self._tables.users
        require_unique(
            users.where(lambda u: u.email == user.email and u.id != user.id), "email address"
        )


@frozen
class MemoryAuditTrail:
    """In-memory implementation of `AuditEntries`."""

    _tables: Tables

    async def add(self, entry: AuditEntry, /) -> None:
        self._tables.audit.add(entry.id, entry)

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        entries = self._tables.audit.where(lambda e: user_id is None or e.user_id == user_id)
        entries.reverse()
        return Page(items=entries[offset : offset + limit], total=len(entries))


@frozen
class MemoryVisibleMembers:
    """In-memory implementation of `VisibleMembers`."""

    _tables: Tables
    _actor: Actor

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        role = role_of(self._tables, project_id, self._actor)
        if role is None:
            raise NotFoundError("project")
        return role

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        roles = ((each, role_of(self._tables, each, self._actor)) for each in project_ids)
        return {each: role for each, role in roles if role is not None}


@frozen
class MemoryMembers:
    """In-memory implementation of `Members`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleMembers:
        return MemoryVisibleMembers(self._tables, actor)

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        team = self._tables.members.where(lambda member: member.project_id == project.id)
        return sorted(team, key=lambda member: (member.created_at, member.user_id))

    async def put(self, member: Member, /) -> None:
        self._tables.projects.get(member.project_id, "project")
        self._tables.users.get(member.user_id, "project")
        self._tables.members.put((member.project_id, member.user_id), member)

    async def remove(self, member: Member, /) -> None:
        self._tables.members.remove((member.project_id, member.user_id))


@frozen
class MemoryInvitations(MemoryProjectEntities[InvitationId, Invitation]):
    """In-memory implementation of `Invitations`."""

    _type: EntityType[InvitationId, Invitation] = INVITATIONS

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        invitations = self._tables.entities_of(self._type)
        return _oldest_first([each for each in invitations if each.project_id == project.id])

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
        invitations = self._tables.entities_of(self._type)
        found = _oldest_first([each for each in invitations if each.email == user.email])
        projects = [self._tables.projects.get(i.project_id, "project") for i in found]
        owners = [self._tables.users.get(project.user_id, "user") for project in projects]
        return list(zip(found, projects, owners, strict=True))

    async def remove_expired(self, now: datetime, /) -> None:
        remove_entities(
            self._tables, lambda each: isinstance(each, Invitation) and each.expires_at <= now
        )


def _oldest_first(invitations: Sequence[Invitation]) -> Sequence[Invitation]:
    return sorted(invitations, key=lambda invitation: (invitation.created_at, invitation.id))


@frozen
class MemoryVisibleApiTokens:
    """In-memory implementation of `VisibleApiTokens`."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: ApiTokenId, /) -> ApiToken:
        token = self._tables.api_tokens.get(id, "token")
        if not self._is_visible(token):
            raise NotFoundError("token")
        return token

    async def all(self) -> Sequence[ApiToken]:
        visible = self._tables.api_tokens.where(self._is_visible)
        return sorted(visible, key=lambda token: (token.created_at, token.id), reverse=True)

    def _is_visible(self, token: ApiToken) -> bool:
        return self._actor.is_platform or token.user_id == self._actor.user_id


@frozen
class MemoryApiTokens:
    """In-memory implementation of `ApiTokens`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleApiTokens:
        return MemoryVisibleApiTokens(self._tables, actor)

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        return next((each for each in self._tables.api_tokens if each.digest == digest), None)

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        token = await self.find_by_digest(digest)
        return None if token is None else (token, self._tables.users.get(token.user_id, "user"))

    async def add(self, token: ApiToken, /) -> None:
        self._tables.users.get(token.user_id, "user")
        taken = self._tables.api_tokens.where(lambda each: each.digest == token.digest)
        require_unique(taken, "token")
        self._tables.api_tokens.add(token.id, token)

    async def record_use(self, token: ApiToken, /, *, now: datetime) -> None:
        if kept := self._tables.api_tokens.find(token.id):
            self._tables.api_tokens.put(kept.id, evolve(kept, last_used_at=now))

    async def remove(self, token: ApiToken, /) -> None:
        self._tables.api_tokens.remove(token.id)

    async def remove_all_of(self, user: User, /) -> None:
        self._tables.api_tokens.remove_where(lambda token: token.user_id == user.id)


@frozen
class MemoryRevokedTokens:
    """In-memory implementation of `RevokedTokens`."""

    _tables: Tables

    async def put(self, token: RevokedToken, /) -> None:
        self._tables.users.get(token.user_id, "user")
        self._tables.ended_tokens.put(token.token_id, token)

    async def remove_expired(self, cutoff: datetime, /) -> None:
        self._tables.ended_tokens.remove_where(lambda token: token.expires_at < cutoff)
