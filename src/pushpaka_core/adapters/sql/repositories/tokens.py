"""API tokens and revoked access tokens in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import api_tokens, ended_tokens, users
from pushpaka_core.adapters.sql.statements import Statements, entity
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ApiTokenId

_WITH_DIGEST = sa.select(api_tokens).where(api_tokens.c.digest == sa.bindparam("digest"))
_WITH_OWNER = (
    sa.select(api_tokens, users)
    .join(users, users.c.id == api_tokens.c.user_id)
    .where(api_tokens.c.digest == sa.bindparam("digest"))
)


@frozen
class SqlVisibleApiTokens:
    """SQL implementation of `VisibleApiTokens`."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ApiTokenId, /) -> ApiToken:
        return await self._statements.get(
            ApiToken, api_tokens, api_tokens.c.id == id, self._is_visible
        )

    async def all(self) -> Sequence[ApiToken]:
        newest = api_tokens.c.created_at.desc(), api_tokens.c.id.desc()
        query = sa.select(api_tokens).where(self._is_visible).order_by(*newest)
        return await self._statements.all(ApiToken, query)

    @property
    def _is_visible(self) -> sa.ColumnElement[bool]:
        if self._actor.is_platform:
            return sa.true()
        return api_tokens.c.user_id == self._actor.user_id


@frozen
class SqlApiTokens:
    """SQL implementation of `ApiTokens`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleApiTokens:
        return SqlVisibleApiTokens(self._statements, actor)

    async def find_by_digest(self, digest: str, /) -> ApiToken | None:
        return await self._statements.only(ApiToken, _WITH_DIGEST, digest=digest)

    async def find_with_owner(self, digest: str, /) -> tuple[ApiToken, User] | None:
        found = await self._statements.tuples(_WITH_OWNER, digest=digest)
        if not found:
            return None
        values = iter(found[0])
        return entity(ApiToken, api_tokens, values), entity(User, users, values)

    async def add(self, token: ApiToken, /) -> None:
        await self._statements.insert(api_tokens, token)

    async def record_use(self, token: ApiToken, /, *, now: datetime) -> None:
        is_it = api_tokens.c.id == token.id
        await self._statements.run(sa.update(api_tokens).where(is_it).values(last_used_at=now))

    async def remove(self, token: ApiToken, /) -> None:
        await self._statements.run(sa.delete(api_tokens).where(api_tokens.c.id == token.id))

    async def remove_all_of(self, user: User, /) -> None:
        await self._statements.run(sa.delete(api_tokens).where(api_tokens.c.user_id == user.id))


@frozen
class SqlRevokedTokens:
    """SQL implementation of `RevokedTokens`."""

    _statements: Statements

    async def put(self, token: RevokedToken, /) -> None:
        await self._statements.upsert(ended_tokens, token)

    async def remove_expired(self, cutoff: datetime, /) -> None:
        has_expired = ended_tokens.c.expires_at < cutoff
        await self._statements.run(sa.delete(ended_tokens).where(has_expired))
