"""How accounts look."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.users import Role, User, UserId

if TYPE_CHECKING:
    from pushpaka_core.services.accounts import SignedIn


@frozen(kw_only=True, slots=False)
class UserResponse:
    """An account."""

    id: UserId
    email: str
    name: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Show *user* without what proves who they are."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            created_at=user.created_at,
        )


@frozen(kw_only=True, slots=False)
class SignedInResponse:
    """A token, and whose it is."""

    token: str = field(repr=False)
    user: UserResponse

    @classmethod
    def of(cls, signed_in: "SignedIn") -> Self:
        """Show somebody who has just proved who they are."""
        return cls(token=signed_in.token, user=UserResponse.of(signed_in.user))
