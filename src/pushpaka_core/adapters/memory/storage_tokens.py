"""API tokens and ended access tokens, kept in memory."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_tables import Tables, refuse_taken
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, EndedToken
from pushpaka_core.domain.users import User
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleApiTokens:
    """The API tokens that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: ApiTokenId, /) -> ApiToken:
        """Return one token."""
        token = self._tables.api_tokens.get(id, "token")
        if not self._sees(token):
            raise NotFoundError("token")
        return token

    async def all(self) -> Sequence[ApiToken]:
        """Return all of them, the newest first."""
        visible = self._tables.api_tokens.where(self._sees)
        return sorted(visible, key=lambda token: (token.created_at, token.id), reverse=True)

    def _sees(self, token: ApiToken) -> bool:
        return self._actor.is_platform or token.user_id == self._actor.user_id


@frozen
class MemoryApiTokens:
    """API tokens, by owner."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleApiTokens:
        """Return what *actor* may see."""
        return MemoryVisibleApiTokens(self._tables, actor)

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        """Return the token whose secret has *digest*."""
        return next((each for each in self._tables.api_tokens if each.digest == digest), None)

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        """Return the same token with whose it is."""
        token = await self.find_by_digest(digest)
        return None if token is None else (token, self._tables.users.get(token.user_id, "user"))

    async def add(self, token: ApiToken, /) -> None:
        """Keep a new token."""
        self._tables.users.get(token.user_id, "user")
        taken = self._tables.api_tokens.where(lambda each: each.digest == token.digest)
        refuse_taken(taken, "token")
        self._tables.api_tokens.add(token.id, token)

    async def note_use(self, token: ApiToken, /, *, at: datetime) -> None:
        """Note that a token was used."""
        if kept := self._tables.api_tokens.find(token.id):
            self._tables.api_tokens.put(kept.id, evolve(kept, last_used_at=at))

    async def remove(self, token: ApiToken, /) -> None:
        """Take a token away."""
        self._tables.api_tokens.remove(token.id)

    async def remove_of(self, user: User, /) -> None:
        """Take away all tokens of a user."""
        self._tables.api_tokens.remove_where(lambda token: token.user_id == user.id)


@frozen
class MemoryEndedTokens:
    """Access tokens that were ended before their time."""

    _tables: Tables

    async def put(self, token: EndedToken, /) -> None:
        """Note that a token was ended."""
        self._tables.users.get(token.user_id, "user")
        self._tables.ended_tokens.put(token.token_id, token)

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of tokens that expired before a time."""
        self._tables.ended_tokens.remove_where(lambda token: token.expires_at < before)
