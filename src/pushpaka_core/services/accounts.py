"""Accounts: who may use this instance, and how they prove it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.rules import problems_in
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
from pushpaka_core.services.journal import Journal


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
        claims = self._signer.verify(token, at=self._now())
        user = await self._find(claims.user_id)
        if user is None or user.disabled_at or user.token_version != claims.token_version:
            raise NotAuthenticatedError("The token is no longer valid. Sign in again.")
        return Actor.of(user)

    async def expiry(self, token: str) -> datetime:
        """Return when *token* ends; NotAuthenticatedError if it has."""
        return self._signer.verify(token, at=self._now()).expires_at

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
        actor.require_scope(Scope.FULL)
        user = await self.me(actor)
        if not await self._hasher.verify(change.current_password, user.password_hash):
            raise InvalidInputError({"current_password": "must be the present password"})
        hashed = await self._hasher.hash(change.new_password)
        async with self._storage.transaction() as uow:
            present = await uow.users.get(user.id)
            if present.password_hash != user.password_hash:
                raise StaleEntityError("password")
            changed = await uow.users.update(present.with_password(hashed))
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
            changed = await uow.users.update(user.with_password(hashed))
            await self._journal.note(uow, actor, "user.password_reset", user.id, user.email)
        return changed

    async def all(self, actor: Actor) -> Sequence[User]:
        """Return every account, the oldest first; administrators only."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.users.all()

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

    async def _find(self, id: UserId) -> User | None:
        async with self._storage.snapshot() as uow:
            try:
                return await uow.users.get(id)
            except NotFoundError:
                return None

    def _signed_in(self, user: User) -> SignedIn:
        token = self._signer.sign(
            user.id, user.token_version, at=self._now(), lifetime=self._token_lifetime
        )
        return SignedIn(token=token, user=user)


def _require_operator(actor: Actor) -> None:
    actor.require_admin()
    actor.require_scope(Scope.FULL)


async def _known(uow: UnitOfWork, email: str) -> User:
    user = await uow.users.find_by_email(normal_email(email))
    if user is None:
        raise NotFoundError("user")
    return user
