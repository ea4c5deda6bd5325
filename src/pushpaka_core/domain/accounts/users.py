"""User accounts."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.validation import Length, SingleLine, limited_to, validated_by

check_password = Length(8, 1024)
"""Raises ValueError for a new password of the wrong length."""

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


class Role(StrEnum):
    """The role of a user on this instance."""

    USER = "user"
    """Can create and deploy projects."""
    ADMIN = "admin"
    """Can also view the state of the instance and the audit log of all users."""


class RegistrationPolicy(StrEnum):
    """The users who can register an account."""

    OPEN = "open"
    """Anyone."""
    FIRST = "first"
    """The first user only."""
    CLOSED = "closed"
    """No one."""


def normalize_email(email: str) -> str:
    """Return the normalized form in which email addresses are stored and compared: lowercase."""
    return email.lower()


@limited_to(254)
def check_email(value: str) -> None:
    """
    Raise ValueError unless *value* is an email address as in HTML's `<input type="email">`.

    Only ASCII is accepted, so that no two different addresses look alike.
    """
    if not _EMAIL.fullmatch(value):
        raise ValueError("must be an email address in ASCII, such as user@example.com")


@frozen(kw_only=True)
class Registration:
    """The input for registering an account."""

    email: str = field(validator=validated_by(check_email))
    """Email address in ASCII. Case does not matter."""
    name: str = field(validator=validated_by(SingleLine(100)))
    """Display name, 1 to 100 characters in one line."""
    password: str = field(validator=validated_by(check_password), repr=False)
    """Password of 8 to 1024 characters."""


@frozen(kw_only=True)
class Credentials:
    """The input for signing in. Fields are not validated: any wrong value has the same error."""

    email: str
    """Email address of the account. Not case-sensitive."""
    password: str = field(repr=False)
    """Password of the account."""


@frozen(kw_only=True)
class NewPassword:
    """The input for changing a password. The current password is required for authentication."""

    current_password: str = field(repr=False)
    """Current password, to authenticate again."""
    new_password: str = field(validator=validated_by(check_password), repr=False)
    """New password of 8 to 1024 characters."""


@frozen(kw_only=True)
class SignOut:
    """The input for signing out."""

    everywhere: bool = False
    """Whether to revoke all tokens of the user, including API tokens."""


@frozen(kw_only=True)
class User:
    """A user account."""

    id: UserId
    email: str
    name: str
    role: Role = Role.USER
    password_hash: str = field(repr=False)
    token_version: int = 1
    """The current token version. Tokens with a lower version are rejected."""
    disabled_at: datetime | None = None
    """When the account was disabled, or None."""
    created_at: datetime
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""

    def accepts_token_version(self, token_version: int) -> bool:
        """Return True if a token with this version is still valid for the user."""
        return self.disabled_at is None and self.token_version == token_version

    def with_tokens_revoked(self) -> Self:
        """Return a copy of the user in which all existing tokens are revoked."""
        return evolve(self, token_version=self.token_version + 1)

    def with_password(self, password_hash: str) -> Self:
        """Return a copy of the user with another password and all existing tokens revoked."""
        return evolve(self.with_tokens_revoked(), password_hash=password_hash)

    def disable(self, now: datetime) -> Self:
        """Return a disabled copy of the user, with all existing tokens permanently revoked."""
        return evolve(self.with_tokens_revoked(), disabled_at=now)

    def enable(self) -> Self:
        """Return an enabled copy of the user."""
        return evolve(self, disabled_at=None)
