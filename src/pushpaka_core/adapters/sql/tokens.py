"""API tokens and ended access tokens, kept in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import api_tokens, ended_tokens, users
from pushpaka_core.adapters.sql.statements import Statements, entity
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, EndedToken
from pushpaka_core.domain.users import User

_WITH_DIGEST = sa.select(api_tokens).where(api_tokens.c.digest == sa.bindparam("digest"))
_WITH_OWNER = (
    sa.select(api_tokens, users)
    .join(users, users.c.id == api_tokens.c.user_id)
    .where(api_tokens.c.digest == sa.bindparam("digest"))
)


@frozen
class SqlVisibleApiTokens:
    """The API tokens that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ApiTokenId, /) -> ApiToken:
        """Return one token."""
        return await self._statements.get(
            ApiToken, api_tokens, api_tokens.c.id == id, self._is_seen
        )

    async def all(self) -> Sequence[ApiToken]:
        """Return all of them, the newest first."""
        newest = api_tokens.c.created_at.desc(), api_tokens.c.id.desc()
        query = sa.select(api_tokens).where(self._is_seen).order_by(*newest)
        return await self._statements.all(ApiToken, query)

    @property
    def _is_seen(self) -> sa.ColumnElement[bool]:
        if self._actor.is_platform:
            return sa.true()
        return api_tokens.c.user_id == self._actor.user_id


@frozen
class SqlApiTokens:
    """API tokens, by owner."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleApiTokens:
        """Return what *actor* may see."""
        return SqlVisibleApiTokens(self._statements, actor)

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        """Return the token whose secret has *digest*."""
        return await self._statements.only(ApiToken, _WITH_DIGEST, digest=digest)

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        """Return the same token with whose it is."""
        found = await self._statements.tuples(_WITH_OWNER, digest=digest)
        if not found:
            return None
        values = iter(found[0])
        return entity(ApiToken, api_tokens, values), entity(User, users, values)

    async def add(self, token: ApiToken, /) -> None:
        """Keep a new token."""
        await self._statements.insert(api_tokens, token)

    async def note_use(self, token: ApiToken, /, *, at: datetime) -> None:
        """Note that a token was used."""
        is_it = api_tokens.c.id == token.id
        await self._statements.run(sa.update(api_tokens).where(is_it).values(last_used_at=at))

    async def remove(self, token: ApiToken, /) -> None:
        """Take a token away."""
        await self._statements.run(sa.delete(api_tokens).where(api_tokens.c.id == token.id))

    async def remove_of(self, user: User, /) -> None:
        """Take away all tokens of a user."""
        await self._statements.run(sa.delete(api_tokens).where(api_tokens.c.user_id == user.id))


@frozen
class SqlEndedTokens:
    """Access tokens that were ended before their time."""

    _statements: Statements

    async def put(self, token: EndedToken, /) -> None:
        """Note that a token was ended."""
        await self._statements.put(ended_tokens, token)

    async def forget(self, before: datetime, /) -> None:
        """Take away the notes of tokens that expired before a time."""
        has_expired = ended_tokens.c.expires_at < before
        await self._statements.run(sa.delete(ended_tokens).where(has_expired))
