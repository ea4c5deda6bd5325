"""Who asks, and what they may see."""

from enum import IntEnum
from typing import Self

from attrs import field, frozen

from pushpaka_core.domain.users import Role, User, UserId
from pushpaka_core.errors import NotAllowedError, NotFoundError


class Scope(IntEnum):
    """What a token was made for; a larger one includes the smaller."""

    READ = 1
    DEPLOY = 2
    FULL = 3
    SIGNED_IN = 4
    """What nobody may who carries an API token, whatever it was made for."""


@frozen(kw_only=True)
class Actor:
    """
    Somebody on whose behalf a service acts.

    Repositories answer only `visible_to(actor)`, so that a query cannot forget its owner.
    """

    user_id: UserId | None
    """None is the platform itself."""
    role: Role = Role.USER
    scope: Scope = Scope.SIGNED_IN
    token_version: int = field(default=0, eq=False)
    """Of the user when they were recognised: what outlives a token is not made by an ended one."""

    @classmethod
    def of(cls, user: User, scope: Scope = Scope.SIGNED_IN) -> Self:
        """Return the actor that *user* is."""
        return cls(user_id=user.id, role=user.role, scope=scope, token_version=user.token_version)

    @property
    def is_platform(self) -> bool:
        """Tell whether the platform acts by itself, and so sees everything."""
        return self.user_id is None

    def require_user(self) -> UserId:
        """
        Return the user's id, where something is going to belong to somebody.

        Raises:
            NotAllowedError: If the platform itself acts.
        """
        if self.user_id is None:
            raise NotAllowedError("The platform itself owns nothing; act as a user.")
        return self.user_id

    def require_scope(self, needed: Scope) -> None:
        """
        Pass only a token that was made for at least *needed*.

        Raises:
            NotAllowedError: If its scope is smaller.
        """
        if self.scope < needed is Scope.SIGNED_IN:
            raise NotAllowedError("No API token may do this. Sign in with your password.")
        if self.scope < needed:
            raise NotAllowedError(f'This token may only "{self.scope.name.lower()}".')

    def require_admin(self) -> None:
        """
        Pass only administrators and the platform; to others it does not exist.

        Raises:
            NotFoundError: If the actor is neither.
        """
        if not self.is_platform and self.role is not Role.ADMIN:
            raise NotFoundError("page")


PLATFORM = Actor(user_id=None, role=Role.ADMIN)
"""Acts where no person does: workers, reconciliation, the operator's commands."""
