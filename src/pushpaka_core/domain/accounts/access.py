"""Actors and authorization."""

from enum import IntEnum
from typing import Self

from attrs import field, frozen

from pushpaka_core.domain.accounts.users import Role, User
from pushpaka_core.domain.ids import UserId
from pushpaka_core.errors import NotAllowedError, NotFoundError


class Scope(IntEnum):
    """The scope of a token. Each scope includes those before it."""

    READ = 1
    DEPLOY = 2
    FULL = 3
    SIGNED_IN = 4
    """The scope of a password sign-in. No API token has it."""


@frozen(kw_only=True)
class Actor:
    """
    The user or the platform on whose behalf a service acts.

    Repositories return only what `visible_to(actor)` includes, so a query cannot forget to check
    access.
    """

    user_id: UserId | None
    """The id of the user, or None for the platform itself."""
    role: Role = Role.USER
    scope: Scope = Scope.SIGNED_IN
    token_version: int = field(default=0, eq=False)
    """
    The user's token version at authentication.

    Entities that the actor creates store it, so that they become invalid when the user revokes all
    tokens.
    """

    @classmethod
    def from_user(cls, user: User, scope: Scope = Scope.SIGNED_IN) -> Self:
        """Return the actor for *user*."""
        return cls(user_id=user.id, role=user.role, scope=scope, token_version=user.token_version)

    @property
    def is_platform(self) -> bool:
        """Return True if the actor is the platform, which can view everything."""
        return self.user_id is None

    def require_user(self) -> UserId:
        """
        Return the user's id.

        Raises:
            NotAllowedError: If the actor is the platform, which cannot own resources.
        """
        if self.user_id is None:
            raise NotAllowedError("The platform cannot own resources. Use a user account.")
        return self.user_id

    def require_scope(self, required_scope: Scope) -> None:
        """Raise NotAllowedError unless the actor's token has at least *required_scope*."""
        if self.scope < required_scope is Scope.SIGNED_IN:
            raise NotAllowedError("API tokens cannot do this. Sign in with your password.")
        if self.scope < required_scope:
            raise NotAllowedError(
                f'This token has the scope "{self.scope.name.lower()}", but '
                f'"{required_scope.name.lower()}" is required. Use a token with that scope.'
            )

    def require_admin(self) -> None:
        """
        Raise NotFoundError unless the actor is an administrator or the platform.

        A missing page has the same error, so that other users do not learn that the page exists.
        """
        if not self.is_platform and self.role is not Role.ADMIN:
            raise NotFoundError("page")


PLATFORM = Actor(user_id=None, role=Role.ADMIN)
"""The actor of workers, the reconciler and the operator's commands."""
