"""User accounts: registration, sign-in, passwords and administration."""

from collections.abc import Sequence
from datetime import timedelta

from attrs import Factory, evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.tokens import RevokedToken, is_api_token
from pushpaka_core.domain.accounts.users import (
    Credentials,
    NewPassword,
    Registration,
    RegistrationPolicy,
    Role,
    User,
    normalize_email,
)
from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.validation import validation_errors
from pushpaka_core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    StaleEntityError,
)
from pushpaka_core.ports.security import PasswordHasher, TokenSigner
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.api_tokens import ApiTokenService
from pushpaka_core.services.audit_log import AuditLog

_SIGN_IN_AGAIN = "The token is no longer valid. Sign in again."
_SIGN_IN_REFUSAL = (
    "The email address or the password is incorrect. Try again, or ask the operator to reset the "
    "password."
)
_REVOCATION_MARGIN = timedelta(hours=1)
"""
How long a revoked token stays in the database after its expiry, in case the clock of another
machine is behind.
"""


@frozen(kw_only=True)
class RegistrationStatus:
    """Whether the instance has accounts, and whether a visitor can register."""

    has_accounts: bool
    can_register: bool


@frozen(kw_only=True)
class SignInResult:
    """A user who has just signed in, with the new access token."""

    token: str = field(repr=False)
    user: User


@frozen(kw_only=True)
class AccountService:
    """
    Registers users, signs them in and authenticates their requests.

    Password hashing is slow on purpose, so it never runs inside a transaction.
    """

    _storage: Storage
    _hasher: PasswordHasher
    _signer: TokenSigner
    _api_tokens: ApiTokenService
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator
    _registration_policy: RegistrationPolicy
    _forwarded_registration_policy: RegistrationPolicy = field(
        default=Factory(lambda self: self._registration_policy, takes_self=True)
    )
    _token_lifetime: timedelta

    async def register(
        self, registration: Registration, *, is_forwarded: bool = False
    ) -> SignInResult:
        """
        Create an account and sign its user in, if the registration policy allows it.

        Args:
            registration: The email address, name and password of the new user.
            is_forwarded: True if the request came through the router or a reverse proxy. These
                requests have their own policy because deployed applications can reach the API only
                through the router.

        Raises:
            NotAllowedError: If registration is closed.
            DuplicateError: If the email address already has an account.
        """
        async with self._storage.snapshot() as uow:
            await self._require_open_registration(uow, is_forwarded=is_forwarded)
        user = await self._new_user(registration, Role.USER)
        async with self._storage.transaction() as uow:
            await self._require_open_registration(uow, is_forwarded=is_forwarded)
            await uow.users.add(user)
            await self._audit_log.record(uow, Actor.from_user(user), "user.registered", user.id)
        return self._issue_token(user)

    async def registration_status(self, *, is_forwarded: bool = False) -> RegistrationStatus:
        """
        Return whether the instance has accounts, and whether `register` accepts another one.

        Args:
            is_forwarded: Whether the request came through the router or a reverse proxy, as for
                `register`.
        """
        async with self._storage.snapshot() as uow:
            return RegistrationStatus(
                has_accounts=await uow.users.any_exist(),
                can_register=await self._is_registration_open(uow, is_forwarded=is_forwarded),
            )

    async def sign_in(self, credentials: Credentials) -> SignInResult:
        """
        Check the password and return a new access token.

        Raises:
            NotAuthenticatedError: If the password is wrong, or the account is unknown or disabled.
                All three errors look the same and take the same time.
        """
        async with self._storage.snapshot() as uow:
            user = await uow.users.find_by_email(normalize_email(credentials.email))
        hashed = user.password_hash if user else None
        is_right = await self._hasher.verify(credentials.password, hashed)
        if user is None or not is_right or user.disabled_at:
            raise NotAuthenticatedError(_SIGN_IN_REFUSAL)
        if self._hasher.is_outdated(user.password_hash):
            await self._rehash(user, credentials.password)
        return self._issue_token(user)

    async def authenticate(self, token: str) -> Actor:
        """
        Return the actor that *token* (an access token or an API token) belongs to.

        Raises:
            NotAuthenticatedError: If the token is malformed, forged, expired or revoked, or its
                user is disabled.
        """
        if is_api_token(token):
            return await self._api_tokens.authenticate(token)
        claims = self._signer.verify(token, now=self._now())
        async with self._storage.snapshot() as uow:
            user = await uow.users.find_by_token(claims.token_id, claims.user_id)
        if user is None or not user.accepts_token_version(claims.token_version):
            raise NotAuthenticatedError(_SIGN_IN_AGAIN)
        return Actor.from_user(user)

    async def sign_out(self, actor: Actor, token: str, *, everywhere: bool = False) -> None:
        """
        Revoke the actor's *token*, or all of their access and API tokens if *everywhere* is set.

        Raises:
            NotAuthenticatedError: If *token* is an access token that is not valid.
            NotAllowedError: If *everywhere* is set and the actor signed in with an API token.
        """
        if everywhere:
            await self._revoke_all_tokens(actor)
        elif is_api_token(token):
            await self._api_tokens.revoke(actor, token)
        else:
            await self._revoke_access_token(actor, token)

    async def me(self, actor: Actor) -> User:
        """
        Return the actor's own account.

        Raises:
            NotAllowedError: If the platform is the actor.
        """
        async with self._storage.snapshot() as uow:
            return await uow.users.get(actor.require_user())

    async def change_password(self, actor: Actor, change: NewPassword) -> SignInResult:
        """
        Change the actor's password, revoke all of their tokens and return a new one.

        Raises:
            NotAllowedError: If the actor signed in with an API token.
            InvalidInputError: If the current password is wrong.
            StaleEntityError: If another request changed the password at the same time.
        """
        actor.require_scope(Scope.SIGNED_IN)
        user = await self.me(actor)
        if not await self._hasher.verify(change.current_password, user.password_hash):
            raise InvalidInputError({"current_password": "must be your current password"})
        hashed = await self._hasher.hash(change.new_password)
        async with self._storage.transaction() as uow:
            present = await uow.users.get(user.id)
            if present.password_hash != user.password_hash:
                raise StaleEntityError("password")
            changed = await _store_and_revoke_tokens(uow, present.with_password(hashed))
            await self._audit_log.record(uow, actor, "user.password_changed", user.id)
        return self._issue_token(changed)

    async def create(
        self, actor: Actor, registration: Registration, role: Role = Role.USER
    ) -> User:
        """
        Create an account for another person, regardless of the registration policy.

        Raises:
            NotFoundError: If the actor is not an administrator.
            NotAllowedError: If the actor's token lacks the scope "full".
            DuplicateError: If the email address already has an account.
        """
        _require_full_admin(actor)
        user = await self._new_user(registration, role)
        async with self._storage.transaction() as uow:
            await uow.users.add(user)
            await self._audit_log.record(uow, actor, "user.created", user.id, user.email)
        return user

    async def set_role(self, actor: Actor, email: str, role: Role) -> User:
        """
        Change the role of a user, starting with their next request.

        Raises:
            NotFoundError: If the actor is not an administrator, or there is no such user.
            NotAllowedError: If the actor's token lacks the scope "full".
        """
        _require_full_admin(actor)
        async with self._storage.transaction() as uow:
            user = evolve(await _get_by_email(uow, email), role=role)
            changed = await uow.users.update(user)
            await self._audit_log.record(uow, actor, f"user.made_{role}", user.id, user.email)
        return changed

    async def reset_password(self, actor: Actor, email: str, password: str) -> User:
        """
        Set a new password for a user and revoke all of their tokens.

        Raises:
            NotFoundError: If the actor is not an administrator, or there is no such user.
            NotAllowedError: If the actor's token lacks the scope "full".
            InvalidInputError: If the password breaks a rule.
        """
        _require_full_admin(actor)
        if problems := validation_errors(Registration, {"password": password}):
            raise InvalidInputError(problems)
        hashed = await self._hasher.hash(password)
        async with self._storage.transaction() as uow:
            user = await _get_by_email(uow, email)
            changed = await _store_and_revoke_tokens(uow, user.with_password(hashed))
            await self._audit_log.record(uow, actor, "user.password_reset", user.id, user.email)
        return changed

    async def disable(self, actor: Actor, email: str) -> User:
        """
        Disable an account and revoke all of its tokens.

        Raises:
            NotFoundError: If the actor is not an administrator, or there is no such user.
            NotAllowedError: If the actor's token lacks the scope "full".
        """
        _require_full_admin(actor)
        async with self._storage.transaction() as uow:
            user = await _get_by_email(uow, email)
            changed = await _store_and_revoke_tokens(uow, user.disable(self._now()))
            await self._audit_log.record(uow, actor, "user.disable", user.id, user.email)
        return changed

    async def enable(self, actor: Actor, email: str) -> User:
        """
        Enable a disabled account. Its user has to sign in again with their password.

        Raises:
            NotFoundError: If the actor is not an administrator, or there is no such user.
            NotAllowedError: If the actor's token lacks the scope "full".
        """
        _require_full_admin(actor)
        async with self._storage.transaction() as uow:
            user = await _get_by_email(uow, email)
            changed = await uow.users.update(user.enable())
            await self._audit_log.record(uow, actor, "user.enable", user.id, user.email)
        return changed

    async def all(self, actor: Actor) -> Sequence[User]:
        """
        Return all accounts, oldest first.

        Raises:
            NotFoundError: If the actor is not an administrator.
        """
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.users.all()

    async def _is_registration_open(self, uow: UnitOfWork, *, is_forwarded: bool) -> bool:
        policy = self._forwarded_registration_policy if is_forwarded else self._registration_policy
        match policy:
            case RegistrationPolicy.OPEN:
                return True
            case RegistrationPolicy.FIRST:
                return not await uow.users.any_exist()
            case RegistrationPolicy.CLOSED:
                return False

    async def _require_open_registration(self, uow: UnitOfWork, *, is_forwarded: bool) -> None:
        if not await self._is_registration_open(uow, is_forwarded=is_forwarded):
            raise NotAllowedError("Registration is closed. Ask the operator for an account.")

    async def _revoke_access_token(self, actor: Actor, token: str) -> None:
        claims = self._signer.verify(token, now=self._now())
        ended = RevokedToken(
            token_id=claims.token_id, user_id=claims.user_id, expires_at=claims.expires_at
        )
        async with self._storage.transaction() as uow:
            user = await uow.users.get(claims.user_id)
            await uow.revoked_tokens.put(ended)
            await uow.revoked_tokens.remove_expired(self._now() - _REVOCATION_MARGIN)
            await self._audit_log.record(uow, actor, "user.signed_out", user.id)

    async def _revoke_all_tokens(self, actor: Actor) -> None:
        actor.require_scope(Scope.SIGNED_IN)
        async with self._storage.transaction() as uow:
            user = await uow.users.get(actor.require_user())
            await _store_and_revoke_tokens(uow, user.with_tokens_revoked())
            await self._audit_log.record(uow, actor, "user.signed_out_everywhere", user.id)

    async def _new_user(self, registration: Registration, role: Role) -> User:
        return User(
            id=UserId(self._new_id()),
            email=normalize_email(registration.email),
            name=registration.name,
            role=role,
            password_hash=await self._hasher.hash(registration.password),
            created_at=self._now(),
        )

    async def _rehash(self, user: User, password: str) -> None:
        """Store a hash with the current parameters, unless the password was changed meanwhile."""
        hashed = await self._hasher.hash(password)
        async with self._storage.transaction() as uow:
            present = await uow.users.get(user.id)
            if present.password_hash == user.password_hash:
                await uow.users.update(evolve(present, password_hash=hashed))

    def _issue_token(self, user: User) -> SignInResult:
        token = self._signer.sign(
            user.id, user.token_version, now=self._now(), lifetime=self._token_lifetime
        )
        return SignInResult(token=token, user=user)


def _require_full_admin(actor: Actor) -> None:
    actor.require_admin()
    actor.require_scope(Scope.FULL)


async def _store_and_revoke_tokens(uow: UnitOfWork, user: User) -> User:
    """
    Store *user* and delete their API tokens. The new token version of *user* revokes all access
    tokens.
    """
    await uow.api_tokens.remove_all_of(user)
    return await uow.users.update(user)


async def _get_by_email(uow: UnitOfWork, email: str) -> User:
    user = await uow.users.find_by_email(normalize_email(email))
    if user is None:
        raise NotFoundError("user")
    return user
