"""Accounts: who may use this instance, and how they prove it."""

from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.rules import problems_in
from pushpaka_core.domain.tokens import EndedToken, is_api_token
from pushpaka_core.domain.users import (
    Credentials,
    NewPassword,
    Registration,
    RegistrationPolicy,
    Role,
    User,
    UserId,
    normal_email,
)
from pushpaka_core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    StaleEntityError,
)
from pushpaka_core.ports.security import Hasher, Signer
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.api_tokens import ApiTokenService
from pushpaka_core.services.journal import Journal

_REFUSAL = "The token is no longer valid. Sign in again."
_KEPT_LONGER = timedelta(hours=1)
"""Than an ended token is good for: the clocks of other machines may be behind."""


@frozen(kw_only=True)
class SignedIn:
    """Somebody who has just proved who they are, with the token that goes on proving it."""

    token: str = field(repr=False)
    user: User


@frozen(kw_only=True)
class AccountService:
    """
    Registers people, signs them in and recognises them again.

    Hashing takes long on purpose, so no transaction is open meanwhile.
    """

    _storage: Storage
    _hasher: Hasher
    _signer: Signer
    _api_tokens: ApiTokenService
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator
    _registration: RegistrationPolicy
    _token_lifetime: timedelta

    async def register(self, registration: Registration) -> SignedIn:
        """
        Make an account for whoever asks, as far as the policy lets them.

        Raises:
            NotAllowedError: If registration is closed.
            DuplicateError: If the e-mail address has an account.
        """
        async with self._storage.snapshot() as uow:
            await self._require_open(uow)
        user = await self._new_user(registration, Role.USER)
        async with self._storage.transaction() as uow:
            await self._require_open(uow)
            await uow.users.add(user)
            await self._journal.note(uow, Actor.of(user), "user.registered", user.id)
        return self._signed_in(user)

    async def log_in(self, credentials: Credentials) -> SignedIn:
        """
        Give a token to who knows the password.

        Raises:
            NotAuthenticatedError: If it is wrong or the account is disabled or unknown.
        """
        async with self._storage.snapshot() as uow:
            user = await uow.users.find_by_email(normal_email(credentials.email))
        hashed = user.password_hash if user else None
        is_right = await self._hasher.verify(credentials.password, hashed)
        if user is None or not is_right or user.disabled_at:
            raise NotAuthenticatedError("The e-mail address or the password is wrong.")
        if self._hasher.is_outdated(user.password_hash):
            await self._rehash(user, credentials.password)
        return self._signed_in(user)

    async def authenticate(self, token: str) -> Actor:
        """
        Return who carries *token*.

        Raises:
            NotAuthenticatedError: If it is not good, or not any more.
        """
        if is_api_token(token):
            return await self._api_tokens.authenticate(token)
        claims = self._signer.verify(token, at=self._now())
        async with self._storage.snapshot() as uow:
            user = await uow.users.carrying(claims.token_id, claims.user_id)
        if user is None or not user.honours(claims.token_version):
            raise NotAuthenticatedError(_REFUSAL)
        return Actor.of(user)

    async def log_out(self, actor: Actor, token: str, *, everywhere: bool = False) -> None:
        """
        End *token*, which the actor carries; or *everywhere* all of theirs, programs' included.

        Raises:
            NotAllowedError: If a program wants to end all of them.
        """
        if everywhere:
            await self._log_out_everywhere(actor)
        elif is_api_token(token):
            await self._api_tokens.end(actor, token)
        else:
            await self._log_out_here(actor, token)

    async def me(self, actor: Actor) -> User:
        """Return the actor's own account."""
        async with self._storage.snapshot() as uow:
            return await uow.users.get(actor.require_user())

    async def change_password(self, actor: Actor, change: NewPassword) -> SignedIn:
        """
        Give the actor another password and a new token; all their other tokens end.

        Raises:
            InvalidInputError: If the present password is not the told one.
        """
        actor.require_scope(Scope.SIGNED_IN)
        user = await self.me(actor)
        if not await self._hasher.verify(change.current_password, user.password_hash):
            raise InvalidInputError({"current_password": "must be the present password"})
        hashed = await self._hasher.hash(change.new_password)
        async with self._storage.transaction() as uow:
            present = await uow.users.get(user.id)
            if present.password_hash != user.password_hash:
                raise StaleEntityError("password")
            changed = await _keep_signed_out(uow, present.with_password(hashed))
            await self._journal.note(uow, actor, "user.password_changed", user.id)
        return self._signed_in(changed)

    async def create(
        self, actor: Actor, registration: Registration, role: Role = Role.USER
    ) -> User:
        """Make an account for somebody else, whatever the policy; administrators only."""
        _require_operator(actor)
        user = await self._new_user(registration, role)
        async with self._storage.transaction() as uow:
            await uow.users.add(user)
            await self._journal.note(uow, actor, "user.created", user.id, user.email)
        return user

    async def set_role(self, actor: Actor, email: str, role: Role) -> User:
        """Give somebody a role, from their next request on; administrators only."""
        _require_operator(actor)
        async with self._storage.transaction() as uow:
            user = evolve(await _known(uow, email), role=role)
            changed = await uow.users.update(user)
            await self._journal.note(uow, actor, f"user.made_{role}", user.id, user.email)
        return changed

    async def reset_password(self, actor: Actor, email: str, password: str) -> User:
        """Give somebody another password and end all their tokens; administrators only."""
        _require_operator(actor)
        if problems := problems_in(Registration, {"password": password}):
            raise InvalidInputError(problems)
        hashed = await self._hasher.hash(password)
        async with self._storage.transaction() as uow:
            user = await _known(uow, email)
            changed = await _keep_signed_out(uow, user.with_password(hashed))
            await self._journal.note(uow, actor, "user.password_reset", user.id, user.email)
        return changed

    async def disable(self, actor: Actor, email: str) -> User:
        """Shut somebody out and end all their tokens; administrators only."""
        _require_operator(actor)
        async with self._storage.transaction() as uow:
            user = await _known(uow, email)
            changed = await _keep_signed_out(uow, user.disabled(self._now()))
            await self._journal.note(uow, actor, "user.disabled", user.id, user.email)
        return changed

    async def enable(self, actor: Actor, email: str) -> User:
        """Let somebody in again, by their password; administrators only."""
        _require_operator(actor)
        async with self._storage.transaction() as uow:
            user = await _known(uow, email)
            changed = await uow.users.update(user.enabled())
            await self._journal.note(uow, actor, "user.enabled", user.id, user.email)
        return changed

    async def all(self, actor: Actor) -> Sequence[User]:
        """Return every account, the oldest first; administrators only."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.users.all()

    async def _log_out_here(self, actor: Actor, token: str) -> None:
        claims = self._signer.verify(token, at=self._now())
        ended = EndedToken(
            token_id=claims.token_id, user_id=claims.user_id, expires_at=claims.expires_at
        )
        async with self._storage.transaction() as uow:
            user = await uow.users.get(claims.user_id)
            await uow.ended_tokens.put(ended)
            await uow.ended_tokens.forget(self._now() - _KEPT_LONGER)
            await self._journal.note(uow, actor, "user.signed_out", user.id)

    async def _log_out_everywhere(self, actor: Actor) -> None:
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            user = await uow.users.get(actor.require_user())
            await _keep_signed_out(uow, user.signed_out())
            await self._journal.note(uow, actor, "user.signed_out_everywhere", user.id)

    async def _require_open(self, uow: UnitOfWork) -> None:
        match self._registration:
            case RegistrationPolicy.OPEN:
                return
            case RegistrationPolicy.FIRST if not await uow.users.all():
                return
            case _:
                raise NotAllowedError("Registration is closed. Ask the operator for an account.")

    async def _new_user(self, registration: Registration, role: Role) -> User:
        return User(
            id=UserId(self._new_id()),
            email=normal_email(registration.email),
            name=registration.name,
            role=role,
            password_hash=await self._hasher.hash(registration.password),
            created_at=self._now(),
        )

    async def _rehash(self, user: User, password: str) -> None:
        """Keep a hash by today's parameters, unless the password was changed meanwhile."""
        hashed = await self._hasher.hash(password)
        async with self._storage.transaction() as uow:
            present = await uow.users.get(user.id)
            if present.password_hash == user.password_hash:
                await uow.users.update(evolve(present, password_hash=hashed))

    def _signed_in(self, user: User) -> SignedIn:
        token = self._signer.sign(
            user.id, user.token_version, at=self._now(), lifetime=self._token_lifetime
        )
        return SignedIn(token=token, user=user)


def _require_operator(actor: Actor) -> None:
    actor.require_admin()
    actor.require_scope(Scope.FULL)


async def _keep_signed_out(uow: UnitOfWork, user: User) -> User:
    """Keep *user*, whose access tokens of before are ended, and end those of programs too."""
    await uow.api_tokens.remove_of(user)
    return await uow.users.update(user)


async def _known(uow: UnitOfWork, email: str) -> User:
    user = await uow.users.find_by_email(normal_email(email))
    if user is None:
        raise NotFoundError("user")
    return user
