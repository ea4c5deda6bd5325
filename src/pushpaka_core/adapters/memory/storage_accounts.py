"""Accounts and the audit trail, kept in memory."""

from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables, next_version, refuse_taken
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.quotas import Holding
from pushpaka_core.domain.users import User, UserId, normal_email
from pushpaka_core.ports.pages import Page


@frozen
class MemoryUsers:
    """Accounts."""

    _tables: Tables

    async def get(self, id: UserId, /) -> User:
        """Return one account."""
        return self._tables.users.get(id, "user")

    async def carrying(self, token_id: str, id: UserId, /) -> User | None:
        """Return one account, unless the access token that it carries was ended."""
        return None if token_id in self._tables.ended_tokens else self._tables.users.find(id)

    async def find_by_email(self, email: str, /) -> User | None:
        """Return the account with this address in any case."""
        wanted = normal_email(email)
        return next((user for user in self._tables.users if user.email == wanted), None)

    async def add(self, user: User, /) -> None:
        """Keep a new account."""
        self._check_unique(user)
        self._tables.users.add(user.id, user)

    async def update(self, user: User, /) -> User:
        """Keep a changed account."""
        kept = next_version(self._tables.users.find(user.id), user, "user")
        self._check_unique(user)
        self._tables.users.put(user.id, kept)
        return kept

    async def of_team(self, project: Project, /) -> Sequence[User]:
        """Return the accounts of a project's owner and its members, the oldest first."""
        team = {m.user_id for m in self._tables.members if m.project_id == project.id}
        return [u for u in await self.all() if u.id == project.user_id or u.id in team]

    async def all(self) -> Sequence[User]:
        """Return every account, the oldest first."""
        return sorted(self._tables.users, key=lambda user: (user.created_at, user.id))

    async def holding(self, id: UserId, /) -> Holding:
        """Return how much a user has."""
        tables = self._tables
        projects = tables.projects.where(lambda p: p.user_id == id and p.deleted_at is None)
        deployments = tables.deployments.where(lambda d: d.user_id == id)
        domains = tables.custom_domains.where(lambda d: d.user_id == id)
        return Holding(
            projects=len(projects),
            waiting=sum(d.status is DeploymentStatus.QUEUED for d in deployments),
            domains=len(domains),
            claims=sum(not d.is_verified for d in domains),
        )

    def _check_unique(self, user: User) -> None:
        users = self._tables.users
        refuse_taken(
            users.where(lambda u: u.email == user.email and u.id != user.id), "e-mail address"
        )


@frozen
class MemoryAuditTrail:
    """Who did what, in the order in which it was told."""

    _tables: Tables

    async def add(self, entry: AuditEntry, /) -> None:
        """Keep an entry."""
        self._tables.audit.add(entry.id, entry)

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        """Return some entries, the newest first."""
        entries = self._tables.audit.where(lambda e: user_id is None or e.user_id == user_id)
        entries.reverse()
        return Page(items=entries[offset : offset + limit], total=len(entries))
