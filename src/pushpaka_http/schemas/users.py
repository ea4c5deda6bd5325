"""Response bodies for accounts."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.accounts.users import Role, User
from pushpaka_core.domain.ids import UserId
from pushpaka_http.schemas.conversions import from_attributes

if TYPE_CHECKING:
    from pushpaka_core.services.accounts.accounts import SignInResult


@frozen(kw_only=True, slots=False)
class UserResponse:
    """A user account."""

    id: UserId
    """Id of the user."""
    email: str
    """Email address, in lowercase."""
    name: str
    """Display name."""
    role: Role
    """Role on this instance."""
    created_at: datetime
    """When the account was created."""

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the response for *user*, without credentials."""
        return from_attributes(cls, user)


@frozen(kw_only=True, slots=False)
class SignedInResponse:
    """The token of a new session, and its user."""

    token: str = field(repr=False)
    """Token for the header `Authorization: Bearer <token>`."""
    user: UserResponse
    """The user who signed in."""

    @classmethod
    def of(cls, sign_in_result: "SignInResult") -> Self:
        """Return the response for *sign_in_result*."""
        return cls(token=sign_in_result.token, user=UserResponse.of(sign_in_result.user))
