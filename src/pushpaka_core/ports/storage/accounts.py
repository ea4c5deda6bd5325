"""Repositories of users, members, invitations, API tokens and the audit log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import Invitation, InvitationId, Member, ProjectRole
from pushpaka_core.domain.accounts.quotas import QuotaUsage
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ApiTokenId, ProjectId, UserId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.storage.page import Page
from pushpaka_core.ports.storage.project_entities import ProjectEntities
from pushpaka_core.ports.storage.views import Visible


class Users(Protocol):
    """
    User accounts.

    There is no `visible_to`, because the platform itself reads accounts to authenticate users.
    """

    async def get(self, id: UserId, /) -> User:
        """
        Return the user with this id.

        Raises:
            NotFoundError: If there is no such user.
        """
        ...

    async def find_by_token(self, token_id: str, id: UserId, /) -> User | None:
        """Return the user, or None if there is none or the access token *token_id* is revoked."""
        ...

    async def find_by_email(self, email: str, /) -> User | None:
        """Return the user with this email address, ignoring case, or None."""
        ...

    async def add(self, user: User, /) -> None:
        """
        Add a user.

        Raises:
            DuplicateError: If the email address is taken.
        """

    async def update(self, user: User, /) -> User:
        """
        Update a user and return the stored version.

        Raises:
            StaleEntityError: If the user was changed in the meantime.
            DuplicateError: If the new email address is taken.
        """
        ...

    async def of_team(self, project: Project, /) -> Sequence[User]:
        """Return the owner and the members of a project, oldest account first."""
        ...

    async def any_exist(self) -> bool:
        """
        Return True if there is at least one user.

        In a read-write transaction, concurrent callers wait until the transaction ends, so that
        only one of them can add the first user.
        """
        ...

    async def all(self) -> Sequence[User]:
        """Return all users, oldest account first."""
        ...

    async def quota_usage(self, id: UserId, /) -> QuotaUsage:
        """
        Return the user's current usage of each quota.

        In a read-write transaction, this locks the user's quotas until the transaction ends, so
        that concurrent requests cannot exceed a quota together.
        """
        ...


class AuditEntries(Protocol):
    """The audit log."""

    async def add(self, entry: AuditEntry, /) -> None:
        """Add an entry."""

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        """
        Return one page of the entries of a user, newest first.

        If *user_id* is None, return the entries of all users.
        """
        ...


class VisibleMembers(Protocol):
    """The roles of an actor in the projects that the actor can view."""

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        """
        Return the actor's role in a project.

        Raises:
            NotFoundError: If the actor cannot view the project.
        """
        ...

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        """Return the actor's role in each of *project_ids* that the actor can view."""
        ...


class Members(Protocol):
    """The members of projects. The owner of a project is not a member."""

    def visible_to(self, actor: Actor, /) -> VisibleMembers:
        """Return a view of the roles that *actor* has in projects."""
        ...

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        """Return the members of a project, starting with the longest membership."""
        ...

    async def put(self, member: Member, /) -> None:
        """Add a member, or change the role of an existing member."""

    async def remove(self, member: Member, /) -> None:
        """Remove a member. Idempotent."""


class Invitations(ProjectEntities[InvitationId, Invitation], Protocol):
    """Invitations to projects, including those that are no longer valid."""

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        """Return the invitations to a project, oldest first."""
        ...

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
        """
        Return the invitations to the email address of a user, oldest first.

        Each invitation is returned with its project and the owner of the project.
        """
        ...

    async def remove_expired(self, now: datetime, /) -> None:
        """Delete all invitations that have expired by *now*."""


class VisibleApiTokens(Visible[ApiTokenId, ApiToken], Protocol):
    """The API tokens that belong to an actor."""


class ApiTokens(Protocol):
    """The API tokens of users."""

    def visible_to(self, actor: Actor, /) -> VisibleApiTokens:
        """Return the tokens of *actor*."""
        ...

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        """Return the token whose secret has this digest, or None. Used for authentication."""
        ...

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        """Return the token whose secret has this digest, together with its owner, or None."""
        ...

    async def add(self, token: ApiToken, /) -> None:
        """
        Add a token.

        Raises:
            DuplicateError: If another token has the same digest.
        """

    async def record_use(self, token: ApiToken, /, *, now: datetime) -> None:
        """Store when a token was last used. Do nothing if the token does not exist."""

    async def remove(self, token: ApiToken, /) -> None:
        """Delete a token. Idempotent."""

    async def remove_all_of(self, user: User, /) -> None:
        """Delete all tokens of a user."""


class RevokedTokens(Protocol):
    """Access tokens that were revoked before they expired."""

    async def put(self, token: RevokedToken, /) -> None:
        """Mark a token as revoked. Idempotent if the caller has locked the token's user."""

    async def remove_expired(self, cutoff: datetime, /) -> None:
        """Delete the records of tokens that expired before *cutoff*."""
