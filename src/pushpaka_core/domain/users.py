"""People who may use this instance."""

import re
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.rules import OneLine, rule

UserId = NewType("UserId", UUID)

PASSWORD_LENGTHS = range(8, 1025)

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


class Role(StrEnum):
    """What a person may do beside their own projects."""

    USER = "user"
    ADMIN = "admin"


class RegistrationPolicy(StrEnum):
    """Who may make an account by themselves."""

    OPEN = "open"
    FIRST = "first"
    """Whoever comes first; nobody after that."""
    CLOSED = "closed"


def normal_email(email: str) -> str:
    """Return the form in which e-mail addresses are compared and kept: ASCII lower case."""
    return email.lower()


def check_email(value: str) -> None:
    """Accept what HTML's input type "email" does, in ASCII: two that look alike must not differ."""
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise ValueError("must be an e-mail address in ASCII, as in user@example.com")


def _check_password(value: str) -> None:
    if len(value) not in PASSWORD_LENGTHS:
        raise ValueError("must have 8 to 1024 characters")
    if "\0" in value:
        raise ValueError("must not contain NUL")


@frozen(kw_only=True)
class Registration:
    """What somebody tells to get an account."""

    email: str = field(validator=rule(check_email))
    name: str = field(validator=rule(OneLine(100)))
    password: str = field(validator=rule(_check_password), repr=False)


@frozen(kw_only=True)
class Credentials:
    """What somebody tells to get a token. Nothing is judged here: wrong is wrong."""

    email: str
    password: str = field(repr=False)


@frozen(kw_only=True)
class NewPassword:
    """A password change: the present one proves who asks."""

    current_password: str = field(repr=False)
    new_password: str = field(validator=rule(_check_password), repr=False)


@frozen(kw_only=True)
class SignOut:
    """What somebody tells to end the token that they carry."""

    everywhere: bool = False
    """Whether all their other tokens end as well."""


@frozen(kw_only=True)
class User:
    """An account on this instance."""

    id: UserId
    email: str
    name: str
    role: Role = Role.USER
    password_hash: str = field(repr=False)
    token_version: int = 1
    """Tokens that carry an older version are refused."""
    disabled_at: datetime | None = None
    created_at: datetime
    version: int = field(default=1, eq=False)

    def honours(self, token_version: int) -> bool:
        """Tell whether a token of this version still stands for this user."""
        return self.disabled_at is None and self.token_version == token_version

    def signed_out(self) -> Self:
        """Return this user with all tokens ended that there are."""
        return evolve(self, token_version=self.token_version + 1)

    def with_password(self, password_hash: str) -> Self:
        """Return this user with another password, all of whose older tokens are ended."""
        return evolve(self.signed_out(), password_hash=password_hash)

    def disabled(self, at: datetime) -> Self:
        """Return this user shut out; tokens of before stay ended when they are let in again."""
        return evolve(self.signed_out(), disabled_at=at)

    def enabled(self) -> Self:
        """Return this user let in again."""
        return evolve(self, disabled_at=None)
