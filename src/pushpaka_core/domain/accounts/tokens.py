"""API tokens, and revoked access tokens."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Scope
from pushpaka_core.domain.ids import ApiTokenId, UserId
from pushpaka_core.domain.validation import SingleLine, validated_by

MAX_TOKENS = 100
"""The maximum number of API tokens per user."""
_PREFIX = "ppk_"
_FORMAT = re.compile(_PREFIX + "[0-9a-f]{64}")
_PREFIX_LENGTH = len(_PREFIX) + 8
_USE_RECORDING_INTERVAL = timedelta(minutes=10)


class TokenScope(StrEnum):
    """The scope of an API token. Each scope includes those before it."""

    READ = "read"
    """Can view everything that the user can view."""
    DEPLOY = "deploy"
    """Can also deploy, roll back, restart and stop."""
    FULL = "full"
    """
    Can also change settings and delete objects, but cannot manage members, tokens and the password.
    """

    @property
    def actor_scope(self) -> Scope:
        """Return the scope that the token grants to its actor."""
        return Scope[self.name]


@frozen(kw_only=True)
class NewApiToken:
    """The input for creating an API token."""

    name: str = field(validator=validated_by(SingleLine(100)))
    """Name that identifies the token: 1 to 100 characters in one line."""
    scope: TokenScope
    """What the token can do."""
    expires_at: datetime | None = None
    """When the token expires: a time in the future. Defaults to never."""


@frozen(kw_only=True)
class ApiToken:
    """An API token. Its secret is not stored, only a digest."""

    id: ApiTokenId
    user_id: UserId
    name: str
    scope: TokenScope
    prefix: str
    """The beginning of the secret, to identify a leaked token."""
    digest: str = field(repr=False)
    """The SHA-256 of the secret."""
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """When the token was last used, accurate to 10 minutes to save writes. None if never used."""

    def has_expired(self, now: datetime) -> bool:
        """Return True if the token has expired at *now*."""
        return self.expires_at is not None and self.expires_at <= now

    def is_use_recorded(self, now: datetime) -> bool:
        """Return True if the stored time of the last use is recent enough."""
        return self.last_used_at is not None and now < self.last_used_at + _USE_RECORDING_INTERVAL


@frozen(kw_only=True)
class RevokedToken:
    """An access token that was revoked before it expired."""

    token_id: str
    user_id: UserId
    expires_at: datetime


def format_secret(random_digits: str) -> str:
    """
    Return the secret of an API token.

    Args:
        random_digits: 64 random hex digits.
    """
    return _PREFIX + random_digits


def is_api_token(text: str) -> bool:
    """Return True if *text* has the prefix of API tokens, whether or not it is valid."""
    return text.startswith(_PREFIX)


def is_secret(text: str) -> bool:
    """
    Return True if *text* has the complete format of an API token: the prefix
    and 64 hex digits.
    """
    return _FORMAT.fullmatch(text) is not None


def prefix_of(secret: str) -> str:
    """Return the beginning of *secret*, which is safe to display and identifies the token."""
    return secret[:_PREFIX_LENGTH]


def digest_of(secret: str) -> str:
    """Return the SHA-256 of *secret*. It needs no salt because the secret is random."""
    return sha256(secret.encode()).hexdigest()
