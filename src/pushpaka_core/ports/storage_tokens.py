"""The part of the storage that keeps by what people and programs prove who they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, EndedToken
from pushpaka_core.domain.users import User


class VisibleApiTokens(Protocol):
    """The API tokens that somebody may see: their own."""

    async def get(self, id: ApiTokenId, /) -> ApiToken:
        """Return one token, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[ApiToken]:
        """Return all of them, the newest first."""
        ...


class ApiTokens(Protocol):
    """API tokens, by owner."""

    def visible_to(self, actor: Actor, /) -> VisibleApiTokens:
        """Return what *actor* may see."""
        ...

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        """Return the token whose secret has *digest*, whoever asks: it is how they are known."""
        ...

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        """Return the same token with whose it is."""
        ...

    async def add(self, token: ApiToken, /) -> None:
        """Keep a new token; DuplicateError where one has its digest."""

    async def note_use(self, token: ApiToken, /, *, at: datetime) -> None:
        """Note that a token was used. Harmless where it is gone."""

    async def remove(self, token: ApiToken, /) -> None:
        """Take a token away. Harmless to repeat."""

    async def remove_of(self, user: User, /) -> None:
        """Take away all tokens of a user."""


class EndedTokens(Protocol):
    """Access tokens that were ended before their time."""

    async def put(self, token: EndedToken, /) -> None:
        """Note that a token was ended; harmless to repeat for who holds its user."""

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of tokens that expired before a time."""
