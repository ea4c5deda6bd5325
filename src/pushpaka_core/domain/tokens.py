"""API tokens, by which programs act for somebody, and what is known of ended access tokens."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NewType
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.access import Scope
from pushpaka_core.domain.rules import OneLine, rule
from pushpaka_core.domain.users import UserId

ApiTokenId = NewType("ApiTokenId", UUID)

MOST_TOKENS = 100
"""Of one user: more than anybody can tell apart."""
_MARK = "ppk_"
_FORM = re.compile(_MARK + "[0-9a-f]{64}")
_SHOWN = len(_MARK) + 8
_NOTED_EVERY = timedelta(minutes=10)


class TokenScope(StrEnum):
    """What an API token is made for; each includes those before it."""

    READ = "read"
    DEPLOY = "deploy"
    FULL = "full"

    @property
    def granted(self) -> Scope:
        """Return what whoever carries such a token may do."""
        return Scope[self.name]


@frozen(kw_only=True)
class NewApiToken:
    """An API token that somebody wants."""

    name: str = field(validator=rule(OneLine(100)))
    scope: TokenScope
    expires_at: datetime | None = None


@frozen(kw_only=True)
class ApiToken:
    """What a program proves by that it acts for somebody; of the secret itself nothing is kept."""

    id: ApiTokenId
    user_id: UserId
    name: str
    scope: TokenScope
    prefix: str
    """How the secret begins, so that one that is found somewhere can be told."""
    digest: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To within some minutes: not every use is worth a write."""

    def has_expired(self, at: datetime) -> bool:
        """Tell whether the token has ended by itself."""
        return self.expires_at is not None and self.expires_at <= at

    def is_noted(self, at: datetime) -> bool:
        """Tell whether it is known already that the token is in use."""
        return self.last_used_at is not None and at < self.last_used_at + _NOTED_EVERY


@frozen(kw_only=True)
class EndedToken:
    """An access token that was ended before its time."""

    token_id: str
    user_id: UserId
    expires_at: datetime


def secret_from(random: str) -> str:
    """Return the secret of an API token, made of 64 hex digits that nobody guesses."""
    return _MARK + random


def is_api_token(text: str) -> bool:
    """Tell whether *text* wants to be an API token, right or wrong."""
    return text.startswith(_MARK)


def is_secret(text: str) -> bool:
    """Tell whether *text* has the form of the secret of an API token."""
    return _FORM.fullmatch(text) is not None


def prefix_of(secret: str) -> str:
    """Return how *secret* begins, which is too little to guess the rest."""
    return secret[:_SHOWN]


def digest_of(secret: str) -> str:
    """Return what is kept of *secret*: it is too random for its hash to need a salt."""
    return sha256(secret.encode()).hexdigest()
