"""Registration, sign-in, sign-out and the administration of accounts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.service_fixtures import PASSWORD, Services

from pushpaka_core.adapters.memory.security import WeakHasher
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import (
    Credentials,
    NewPassword,
    Registration,
    RegistrationPolicy,
    Role,
)
from pushpaka_core.domain.ids import UserId
from pushpaka_core.errors import (
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PushpakaError,
    StaleEntityError,
)
from pushpaka_core.services.accounts.accounts import RegistrationStatus

pytestmark = pytest.mark.anyio

REFUSAL = r"^The email address or the password is incorrect\."


def a_registration(email: str = "ann@example.com") -> Registration:
    return Registration(email=email, name="Ann", password=PASSWORD)


def credentials(email: str = "ann@example.com", password: str = PASSWORD) -> Credentials:
    return Credentials(email=email, password=password)


async def register_all(services: Services, *emails: str) -> list[PushpakaError]:
    """Register all *emails* concurrently, and return the errors."""
    refusals: list[PushpakaError] = []

    async def register(email: str) -> None:
        try:
            await services.accounts.register(a_registration(email))
        except PushpakaError as error:
            refusals.append(error)

    async with create_task_group() as tasks:
        for email in emails:
            tasks.start_soon(register, email)
    return refusals


async def disable(services: Services, actor: Actor) -> None:
    await overwrite(services, actor, disabled_at=services.clock())


async def overwrite(services: Services, actor: Actor, **fields: Any) -> None:
    async with services.storage.transaction() as uow:
        user = await uow.users.get(actor.require_user())
        await uow.users.update(evolve(user, **fields))


class TestRegister:
    async def test_registering_signs_the_user_in(self, services: Services) -> None:
        signed_in = await services.accounts.register(a_registration("Ann@Example.com"))

        actor = await services.accounts.authenticate(signed_in.token)
        assert ("ann@example.com", Role.USER) == (signed_in.user.email, signed_in.user.role)
        assert Actor.from_user(signed_in.user) == actor
        assert [("user.registered", None)] == await services.audit_trail(actor)

    async def test_email_addresses_are_case_insensitive(self, services: Services) -> None:
        await services.accounts.register(a_registration("ann@example.com"))

        with pytest.raises(DuplicateError, match="email address is already taken"):
            await services.accounts.register(a_registration("ANN@example.com"))

    async def test_concurrent_registrations_create_one_account(self, services: Services) -> None:
        refusals = await register_all(services, *["ann@example.com"] * 20)

        assert [DuplicateError] * 19 == [type(error) for error in refusals]

    async def test_closed_policy_rejects_everybody(self) -> None:
        services = Services.of(registration=RegistrationPolicy.CLOSED)

        with pytest.raises(NotAllowedError, match="Registration is closed"):
            await services.accounts.register(a_registration())

    @pytest.mark.parametrize(
        ("policy", "is_open"),
        [
            (RegistrationPolicy.OPEN, [True, True]),
            (RegistrationPolicy.FIRST, [True, False]),
            (RegistrationPolicy.CLOSED, [False, False]),
        ],
    )
    async def test_first_account_closes_registration_only_under_the_first_policy(
        self, policy: RegistrationPolicy, is_open: list[bool]
    ) -> None:
        accounts = Services.of(registration=policy).accounts

        before = await accounts.registration_status()
        await accounts.create(PLATFORM, a_registration())
        after = await accounts.registration_status()

        assert RegistrationStatus(has_accounts=False, can_register=is_open[0]) == before
        assert RegistrationStatus(has_accounts=True, can_register=is_open[1]) == after

    async def test_forwarded_requests_have_their_own_policy(self, services: Services) -> None:
        """Applications reach the API only through the router, where sign-up can be closed."""
        accounts = evolve(
            services.accounts, forwarded_registration_policy=RegistrationPolicy.CLOSED
        )

        assert (await accounts.registration_status()).can_register
        assert not (await accounts.registration_status(is_forwarded=True)).can_register
        with pytest.raises(NotAllowedError, match="Registration is closed"):
            await accounts.register(a_registration(), is_forwarded=True)

    async def test_first_policy_accepts_one_concurrent_registration(self) -> None:
        services = Services.of(registration=RegistrationPolicy.FIRST)

        refusals = await register_all(services, "ann@example.com", "bob@example.com")

        assert [NotAllowedError] == [type(error) for error in refusals]
        assert 1 == len(await services.accounts.all(PLATFORM))


class TestLogIn:
    async def test_all_failures_have_the_same_message(self, services: Services, ann: Actor) -> None:
        for wrong in (
            credentials(password="incorrect horse"),
            credentials("nobody@example.com"),
            credentials("not an address"),
        ):
            with pytest.raises(NotAuthenticatedError, match=REFUSAL):
                await services.accounts.sign_in(wrong)

        await disable(services, ann)

        with pytest.raises(NotAuthenticatedError, match=REFUSAL):
            await services.accounts.sign_in(credentials())

    async def test_an_outdated_hash_is_upgraded(self, services: Services, ann: Actor) -> None:
        before = await services.accounts.sign_in(credentials())
        weak = await WeakHasher(strength=0).hash(PASSWORD)
        await overwrite(services, ann, password_hash=weak)

        await services.accounts.sign_in(credentials())

        user = await services.accounts.me(ann)
        assert not WeakHasher().is_outdated(user.password_hash)
        assert ann == await services.accounts.authenticate(before.token)


class TestAuthenticate:
    async def test_a_token_expires(self, services: Services, ann: Actor) -> None:
        token = (await services.accounts.sign_in(credentials("ANN@example.com"))).token
        services.clock.advance(3599)
        assert ann == await services.accounts.authenticate(token)

        services.clock.advance(2)

        with pytest.raises(NotAuthenticatedError):
            await services.accounts.authenticate(token)

    async def test_a_disabled_account_is_rejected_at_once(
        self, services: Services, ann: Actor
    ) -> None:
        token = (await services.accounts.sign_in(credentials())).token
        await disable(services, ann)

        with pytest.raises(NotAuthenticatedError):
            await services.accounts.authenticate(token)

    async def test_a_removed_account_is_rejected(self, services: Services) -> None:
        nobody = UserId(UUID(int=1))
        token = services.signer.sign(nobody, 1, now=services.clock(), lifetime=timedelta(hours=1))

        with pytest.raises(NotAuthenticatedError):
            await services.accounts.authenticate(token)


class TestChangePassword:
    async def test_revokes_all_older_tokens(self, services: Services, ann: Actor) -> None:
        old = await services.accounts.sign_in(credentials())

        new = await services.accounts.change_password(
            ann, NewPassword(current_password=PASSWORD, new_password="battery staple")
        )

        assert ann == await services.accounts.authenticate(new.token)
        with pytest.raises(NotAuthenticatedError):
            await services.accounts.authenticate(old.token)
        with pytest.raises(NotAuthenticatedError):
            await services.accounts.sign_in(credentials())
        assert ("user.password_changed", None) == (await services.audit_trail(ann))[0]

    async def test_requires_the_current_password(self, services: Services, ann: Actor) -> None:
        with pytest.raises(InvalidInputError) as refusal:
            await services.accounts.change_password(
                ann, NewPassword(current_password="wrong", new_password="battery staple")
            )

        assert {"current_password": "must be your current password"} == refusal.value.problems

    async def test_one_of_two_concurrent_changes_wins(self, services: Services, ann: Actor) -> None:
        refusals = []

        async def change(new_password: str) -> None:
            try:
                await services.accounts.change_password(
                    ann, NewPassword(current_password=PASSWORD, new_password=new_password)
                )
            except PushpakaError as error:
                refusals.append(type(error))

        async with create_task_group() as tasks:
            tasks.start_soon(change, "battery staple")
            tasks.start_soon(change, "paper clip")

        assert [StaleEntityError] == refusals
        await services.accounts.sign_in(credentials(password="battery staple"))


class TestAdministration:
    async def test_creates_accounts_while_registration_is_closed(self) -> None:
        services = Services.of(registration=RegistrationPolicy.CLOSED)

        user = await services.accounts.create(PLATFORM, a_registration(), Role.ADMIN)

        assert Role.ADMIN is user.role
        assert [user] == await services.accounts.all(PLATFORM)

    async def test_promotes_users_to_administrators(self, services: Services, ann: Actor) -> None:
        token = (await services.accounts.sign_in(credentials())).token

        await services.accounts.set_role(PLATFORM, "Ann@example.com", Role.ADMIN)

        assert evolve(ann, role=Role.ADMIN) == await services.accounts.authenticate(token)

    async def test_password_reset_revokes_all_tokens(self, services: Services, ann: Actor) -> None:
        token = (await services.accounts.sign_in(credentials())).token
        with pytest.raises(InvalidInputError, match="8 to 1024 characters"):
            await services.accounts.reset_password(PLATFORM, "ann@example.com", "short")

        await services.accounts.reset_password(PLATFORM, "ann@example.com", "battery staple")

        with pytest.raises(NotAuthenticatedError):
            await services.accounts.authenticate(token)
        signed_in = await services.accounts.sign_in(credentials(password="battery staple"))
        assert ann.user_id == signed_in.user.id

    async def test_unknown_address_is_an_error(self, services: Services) -> None:
        with pytest.raises(NotFoundError, match="no such user"):
            await services.accounts.set_role(PLATFORM, "nobody@example.com", Role.ADMIN)

    async def test_requires_an_administrator(self, services: Services, ann: Actor) -> None:
        for attempt in (
            services.accounts.create(ann, a_registration("zoe@example.com")),
            services.accounts.set_role(ann, "ann@example.com", Role.ADMIN),
            services.accounts.reset_password(ann, "ann@example.com", PASSWORD),
            services.accounts.all(ann),
        ):
            with pytest.raises(NotFoundError):
                await attempt
