"""API tokens: made and taken away by people, and recognised where programs show them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from attrs import field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.tokens import (
    MOST_TOKENS,
    ApiToken,
    ApiTokenId,
    NewApiToken,
    digest_of,
    is_secret,
    prefix_of,
    secret_from,
)
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    NotAuthenticatedError,
    UnavailableError,
)
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.new_secrets import new_secret

_REFUSAL = "The API token is unknown, expired or deleted. Make another one."


@frozen(kw_only=True)
class IssuedApiToken:
    """An API token with its secret, which is shown this once."""

    token: ApiToken
    secret: str = field(repr=False)


@frozen(kw_only=True)
class ApiTokenService:
    """
    Keeps the tokens that programs carry, as hashes.

    None is made by another one, so that whoever finds one cannot keep what it opens.
    """

    _storage: Storage
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator

    async def create(self, actor: Actor, new: NewApiToken) -> IssuedApiToken:
        """
        Make a token that acts for the actor, who has signed in.

        Raises:
            NotAllowedError: If the actor is a program with such a token.
            InvalidInputError: If it would have expired already.
            NotAuthenticatedError: If the actor was signed out meanwhile.
            ConflictError: If the actor has as many as anybody may.
        """
        actor.require_scope(Scope.SIGNED_IN)
        now = self._now()
        if new.expires_at is not None and new.expires_at <= now:
            raise InvalidInputError({"expires_at": "must be in the future"})
        secret = secret_from(new_secret(self._new_id))
        async with self._storage.transaction() as uow:
            user = await uow.users.get(actor.require_user())
            if not user.honours(actor.token_version):
                raise NotAuthenticatedError("The token is no longer valid. Sign in again.")
            if len(await uow.api_tokens.visible_to(actor).all()) >= MOST_TOKENS:
                raise ConflictError(f"You have {MOST_TOKENS} API tokens. Delete one of them first.")
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
            await self._journal.note(uow, actor, "token.created", token.id, token.name)
        return IssuedApiToken(token=token, secret=secret)

    async def all(self, actor: Actor) -> Sequence[ApiToken]:
        """Return the actor's tokens, the newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.api_tokens.visible_to(actor).all()

    async def delete(self, actor: Actor, id: ApiTokenId) -> None:
        """Take a token away; whoever carries it is nobody from now on. NotFoundError."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            token = await uow.api_tokens.visible_to(actor).get(id)
            await uow.api_tokens.remove(token)
            await self._journal.note(uow, actor, "token.deleted", id, token.name)

    async def authenticate(self, secret: str) -> Actor:
        """
        Return for whom, and how far, whoever carries *secret* acts.

        Raises:
            NotAuthenticatedError: If it is none, or not any more.
        """
        if not is_secret(secret):
            raise NotAuthenticatedError(_REFUSAL)
        now = self._now()
        async with self._storage.snapshot() as uow:
            found = await uow.api_tokens.find_with_owner(digest_of(secret))
        if found is None:
            raise NotAuthenticatedError(_REFUSAL)
        token, user = found
        if user.disabled_at or token.has_expired(now):
            raise NotAuthenticatedError(_REFUSAL)
        if not token.is_noted(now):
            await self._note_use(token, now)
        return Actor.of(user, token.scope.granted)

    async def end(self, actor: Actor, secret: str) -> None:
        """Take away the token that the actor carries, whatever it was made for."""
        async with self._storage.transaction() as uow:
            token = await uow.api_tokens.find_by_digest(digest_of(secret))
            if token is not None:
                await uow.api_tokens.remove(token)
                await self._journal.note(uow, actor, "token.deleted", token.id, token.name)

    async def _note_use(self, token: ApiToken, now: datetime) -> None:
        """Keep when a token was used, unless nothing can be kept now: it is good all the same."""
        with suppress(UnavailableError):
            async with self._storage.transaction() as uow:
                await uow.api_tokens.note_use(token, at=now)
