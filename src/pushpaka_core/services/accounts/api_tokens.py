"""API tokens: created and deleted by users, and sent by programs that act for them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.tokens import (
    MAX_TOKENS,
    ApiToken,
    NewApiToken,
    digest_of,
    format_secret,
    is_secret,
    prefix_of,
)
from pushpaka_core.domain.ids import ApiTokenId
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    NotAuthenticatedError,
    UnavailableError,
)
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.audit_log import AuditLog

_REJECTION_MESSAGE = "The API token is unknown, expired or deleted. Create a new one."


def new_secret(new_id: IdGenerator) -> str:
    """
    Return a random secret of 64 hexadecimal digits.

    It consists of two random UUIDs with 122 random bits each.
    """
    return new_id().hex + new_id().hex


@frozen(kw_only=True)
class IssuedApiToken:
    """A new API token with its secret, which cannot be shown again."""

    token: ApiToken
    secret: str = field(repr=False)


@frozen(kw_only=True)
class ApiTokenService:
    """
    Creates, lists, deletes and authenticates API tokens. Only their hashes are stored.

    An API token cannot create another one, so a leaked token gives no access after its deletion.
    """

    _storage: Storage
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator

    async def create(self, actor: Actor, new: NewApiToken) -> IssuedApiToken:
        """
        Create a token that acts for the actor.

        Raises:
            NotAllowedError: If the actor signed in with an API token.
            InvalidInputError: If the expiry date has passed.
            NotAuthenticatedError: If the actor was signed out in the meantime.
            ConflictError: If the actor already has the maximum number of tokens.
        """
        actor.require_scope(Scope.SIGNED_IN)
        now = self._now()
        if new.expires_at is not None and new.expires_at <= now:
            raise InvalidInputError({"expires_at": "must be in the future"})
        secret = format_secret(new_secret(self._new_id))
        async with self._storage.transaction() as uow:
            user = await uow.users.get(actor.require_user())
            if not user.accepts_token_version(actor.token_version):
                raise NotAuthenticatedError("The token is no longer valid. Sign in again.")
            if len(await uow.api_tokens.visible_to(actor).all()) >= MAX_TOKENS:
                raise ConflictError(
                    f"You already have {MAX_TOKENS} API tokens, the maximum. Delete one first."
                )
            token = ApiToken(
                id=ApiTokenId(self._new_id()),
                user_id=user.id,
                name=new.name,
                scope=new.scope,
                prefix=prefix_of(secret),
                digest=digest_of(secret),
                created_at=now,
                expires_at=new.expires_at,
            )
            await uow.api_tokens.add(token)
            await self._audit_log.record(uow, actor, "token.created", token.id, token.name)
        return IssuedApiToken(token=token, secret=secret)

    async def all(self, actor: Actor) -> Sequence[ApiToken]:
        """Return the actor's tokens, newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.api_tokens.visible_to(actor).all()

    async def delete(self, actor: Actor, id: ApiTokenId) -> None:
        """
        Delete one of the actor's tokens. Requests with this token are rejected from then on.

        Raises:
            NotAllowedError: If the actor's own token lacks the scope "full".
            NotFoundError: If the actor has no such token.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            token = await uow.api_tokens.visible_to(actor).get(id)
            await uow.api_tokens.remove(token)
            await self._audit_log.record(uow, actor, "token.deleted", id, token.name)

    async def authenticate(self, secret: str) -> Actor:
        """
        Return the user that *secret* acts for, limited to the scope of the token.

        Also records the time of use, at most once every few minutes per token.

        Raises:
            NotAuthenticatedError: If the token is unknown, expired or deleted, or its user is
                disabled.
        """
        if not is_secret(secret):
            raise NotAuthenticatedError(_REJECTION_MESSAGE)
        now = self._now()
        async with self._storage.snapshot() as uow:
            found = await uow.api_tokens.find_with_owner(digest_of(secret))
        if found is None:
            raise NotAuthenticatedError(_REJECTION_MESSAGE)
        token, user = found
        if user.disabled_at or token.has_expired(now):
            raise NotAuthenticatedError(_REJECTION_MESSAGE)
        if not token.is_use_recorded(now):
            await self._record_use(token, now)
        return Actor.from_user(user, token.scope.actor_scope)

    async def revoke(self, actor: Actor, secret: str) -> None:
        """Delete the token that the actor signed in with, whatever its scope. Safe to repeat."""
        async with self._storage.transaction() as uow:
            token = await uow.api_tokens.find_by_digest(digest_of(secret))
            if token is not None:
                await uow.api_tokens.remove(token)
                await self._audit_log.record(uow, actor, "token.deleted", token.id, token.name)

    async def _record_use(self, token: ApiToken, now: datetime) -> None:
        """
        Record that a token was used. Database errors are ignored, so that they do not reject a
        valid token.
        """
        with suppress(UnavailableError):
            async with self._storage.transaction() as uow:
                await uow.api_tokens.record_use(token, now=now)
