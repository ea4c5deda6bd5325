"""Accounts and the audit trail, kept in tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import (
    audit_entries,
    custom_domains,
    deployments,
    ended_tokens,
    members,
    projects,
    users,
)
from pushpaka_core.adapters.sql.statements import Locking, Statements
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.quotas import Holding
from pushpaka_core.domain.users import User, UserId, normal_email
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.pages import Page

_USER_ID: sa.BindParameter[UserId] = sa.bindparam("user_id", type_=users.c.id.type)
_CARRYING = sa.select(users).where(
    users.c.id == _USER_ID,
    ~sa.exists().where(ended_tokens.c.token_id == sa.bindparam("token_id")),
)
_WITH_ID = Locking.of(sa.select(users).where(users.c.id == _USER_ID), users)


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    query = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return query.scalar_subquery()


_HOLDING = sa.select(
    _count(projects, projects.c.user_id == _USER_ID, projects.c.deleted_at.is_(None)).label(
        "projects"
    ),
    _count(
        deployments,
        deployments.c.user_id == _USER_ID,
        deployments.c.status == DeploymentStatus.QUEUED,
    ).label("waiting"),
    _count(custom_domains, custom_domains.c.user_id == _USER_ID).label("domains"),
    _count(
        custom_domains,
        custom_domains.c.user_id == _USER_ID,
        custom_domains.c.verified_at.is_(None),
    ).label("claims"),
)


@frozen
class SqlUsers:
    """Accounts."""

    _statements: Statements

    async def get(self, id: UserId, /) -> User:
        """Return one account."""
        query = _WITH_ID.on(self._statements)
        found = await self._statements.only(User, query, user_id=id)
        if found is None:
            raise NotFoundError("user")
        return found

    async def carrying(self, token_id: str, id: UserId, /) -> User | None:
        """Return one account, unless the access token that it carries was ended."""
        return await self._statements.only(User, _CARRYING, token_id=token_id, user_id=id)

    async def find_by_email(self, email: str, /) -> User | None:
        """Return the account with this address in any case."""
        query = sa.select(users).where(users.c.email == normal_email(email))
        return await self._statements.find(User, self._statements.locked(query, users))

    async def add(self, user: User, /) -> None:
        """Keep a new account."""
        await self._statements.insert(users, user)

    async def update(self, user: User, /) -> User:
        """Keep a changed account."""
        return await self._statements.update(users, user)

    async def of_team(self, project: Project, /) -> Sequence[User]:
        """Return the accounts of a project's owner and its members, the oldest first."""
        team = sa.select(members.c.user_id).where(members.c.project_id == project.id)
        is_its = (users.c.id == project.user_id) | users.c.id.in_(team)
        return await self._statements.all(User, _oldest_users().where(is_its))

    async def all(self) -> Sequence[User]:
        """Return every account, the oldest first; who adds one because of it has the turn."""
        await self._statements.take_turn("accounts")
        return await self._statements.all(User, _oldest_users())

    async def holding(self, id: UserId, /) -> Holding:
        """Return how much a user has; who takes more because of it has the turn."""
        await self._statements.take_turn(f"holding {id}")
        (found,) = await self._statements.tuples(_HOLDING, user_id=id)
        return Holding(**dict(zip(_HOLDING.selected_columns.keys(), found, strict=True)))


def _oldest_users() -> sa.Select[tuple[object, ...]]:
    return sa.select(users).order_by(users.c.created_at, users.c.id)


@frozen
class SqlAuditTrail:
    """Who did what, in the order in which it was told."""

    _statements: Statements

    async def add(self, entry: AuditEntry, /) -> None:
        """Keep an entry."""
        await self._statements.insert(audit_entries, entry)

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        """Return some entries, the newest first."""
        fitting = sa.true() if user_id is None else audit_entries.c.user_id == user_id
        newest = sa.select(audit_entries).order_by(audit_entries.c.position.desc())
        return await self._statements.page(AuditEntry, newest.where(fitting), limit, offset)
