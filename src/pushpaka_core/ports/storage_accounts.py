"""The part of the storage that keeps who there is, and what they did."""

from collections.abc import Sequence
from typing import Protocol

from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.quotas import Holding
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.ports.pages import Page


class Users(Protocol):
    """Accounts. They are asked for by the platform itself, to find out who asks."""

    async def get(self, id: UserId, /) -> User:
        """Return one account, or raise NotFoundError."""
        ...

    async def carrying(self, token_id: str, id: UserId, /) -> User | None:
        """Return one account, unless the access token that it carries was ended."""
        ...

    async def find_by_email(self, email: str, /) -> User | None:
        """Return the account with the normal form of *email*."""
        ...

    async def add(self, user: User, /) -> None:
        """Keep a new account; DuplicateError where the e-mail address is taken."""

    async def update(self, user: User, /) -> User:
        """
        Keep a changed account and return it as kept.

        Raises:
            StaleEntityError: If it was changed meanwhile.
            DuplicateError: If its new e-mail address is taken.
        """
        ...

    async def of_team(self, project: Project, /) -> Sequence[User]:
        """Return the accounts of a project's owner and its members, the oldest first."""
        ...

    async def all(self) -> Sequence[User]:
        """Return every account, the oldest first."""
        ...

    async def holding(self, id: UserId, /) -> Holding:
        """
        Return how much a user has of what is bounded.

        Nobody else is told it for the same user until a transaction that may write ends, so
        that no two take the last place.
        """
        ...


class AuditTrail(Protocol):
    """Who did what."""

    async def add(self, entry: AuditEntry, /) -> None:
        """Keep an entry."""

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        """Return the entries of one person, or of everybody, the newest first."""
        ...
