"""Users and the audit trail in the database."""

from collections.abc import Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import (
    archives,
    audit_entries,
    custom_domains,
    deployments,
    ended_tokens,
    members,
    projects,
    snapshots,
    users,
    volumes,
)
from pushpaka_core.adapters.sql.statements import LockableQuery, Statements
from pushpaka_core.domain.accounts.quotas import QuotaUsage
from pushpaka_core.domain.accounts.users import User, normalize_email
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.page import Page

_USER_ID: sa.BindParameter[UserId] = sa.bindparam("user_id", type_=users.c.id.type)
_FOR_TOKEN = sa.select(users).where(
    users.c.id == _USER_ID,
    ~sa.exists().where(ended_tokens.c.token_id == sa.bindparam("token_id")),
)
_ANY_USER = sa.select(sa.select(users.c.id).exists())
_WITH_ID = LockableQuery.from_query(sa.select(users).where(users.c.id == _USER_ID), users)


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    query = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return query.scalar_subquery()


def _sum(column: sa.Column[int], condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    # PostgreSQL returns the sum of integers as a decimal.
    total = sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger())
    return sa.select(total).where(condition).scalar_subquery()


_IS_OWN_SNAPSHOT = snapshots.c.volume_id.in_(
    sa.select(volumes.c.id).where(volumes.c.user_id == _USER_ID)
)
_USAGE = sa.select(
    _count(projects, projects.c.user_id == _USER_ID, projects.c.deleted_at.is_(None)).label(
        "projects"
    ),
    _count(
        deployments,
        deployments.c.user_id == _USER_ID,
        deployments.c.status == DeploymentStatus.QUEUED,
    ).label("queued_deployments"),
    _count(custom_domains, custom_domains.c.user_id == _USER_ID).label("domains"),
    _count(
        custom_domains,
        custom_domains.c.user_id == _USER_ID,
        custom_domains.c.verified_at.is_(None),
    ).label("unverified_domains"),
    _sum(archives.c.size, archives.c.user_id == _USER_ID).label("archive_bytes"),
    _count(volumes, volumes.c.user_id == _USER_ID).label("volumes"),
    (
        _sum(volumes.c.used_bytes, volumes.c.user_id == _USER_ID)
        + _sum(snapshots.c.size_bytes, _IS_OWN_SNAPSHOT)
    ).label("volume_bytes"),
)


@frozen
class SqlUsers:
    """SQL implementation of `Users`."""

    _statements: Statements

    async def get(self, id: UserId, /) -> User:
        query = _WITH_ID.for_transaction(self._statements)
        found = await self._statements.only(User, query, user_id=id)
        if found is None:
            raise NotFoundError("user")
        return found

    async def find_by_token(self, token_id: str, id: UserId, /) -> User | None:
        return await self._statements.only(User, _FOR_TOKEN, token_id=token_id, user_id=id)

    async def find_by_email(self, email: str, /) -> User | None:
        query = sa.select(users).where(users.c.email == normalize_email(email))
        return await self._statements.find(User, self._statements.lock_rows(query, users))

    async def add(self, user: User, /) -> None:
        await self._statements.insert(users, user)

    async def update(self, user: User, /) -> User:
        return await self._statements.update(users, user)

    async def of_team(self, project: Project, /) -> Sequence[User]:
        team = sa.select(members.c.user_id).where(members.c.project_id == project.id)
        is_its = (users.c.id == project.user_id) | users.c.id.in_(team)
        return await self._statements.all(User, _oldest_users().where(is_its))

    async def any_exist(self) -> bool:
        """Return whether there is a user. On PostgreSQL, concurrent writers wait."""
        await self._statements.advisory_lock("accounts")
        return bool(await self._statements.scalar(_ANY_USER))

    async def all(self) -> Sequence[User]:
        """Return all users, oldest first."""
        return await self._statements.all(User, _oldest_users())

    async def quota_usage(self, id: UserId, /) -> QuotaUsage:
        """
        Return a user's usage, for quotas.

        On PostgreSQL, concurrent callers wait, so that a quota cannot be exceeded in parallel.
        """
        await self._statements.advisory_lock(f"holding {id}")
        (found,) = await self._statements.tuples(_USAGE, user_id=id)
        return QuotaUsage(**dict(zip(_USAGE.selected_columns.keys(), found, strict=True)))


def _oldest_users() -> sa.Select[tuple[object, ...]]:
    return sa.select(users).order_by(users.c.created_at, users.c.id)


@frozen
class SqlAuditTrail:
    """SQL implementation of `AuditEntries`."""

    _statements: Statements

    async def add(self, entry: AuditEntry, /) -> None:
        await self._statements.insert(audit_entries, entry)

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        condition = sa.true() if user_id is None else audit_entries.c.user_id == user_id
        newest = sa.select(audit_entries).order_by(audit_entries.c.position.desc())
        return await self._statements.page(AuditEntry, newest.where(condition), limit, offset)
