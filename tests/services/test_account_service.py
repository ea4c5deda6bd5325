"""Who may register, who gets in, and what ends a token."""

from datetime import timedelta
from uuid import UUID

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.services.world import PASSWORD, SteppedClock, World

from pushpaka_core.adapters.memory.security import PlainHasher
from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.users import (
    Credentials,
    NewPassword,
    Registration,
    RegistrationPolicy,
    Role,
    UserId,
)
from pushpaka_core.errors import (
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PushpakaError,
    StaleEntityError,
)

pytestmark = pytest.mark.anyio


def a_registration(email: str = "ann@example.com") -> Registration:
    return Registration(email=email, name="Ann", password=PASSWORD)


def credentials(email: str = "ann@example.com", password: str = PASSWORD) -> Credentials:
    return Credentials(email=email, password=password)


def a_world(registration: RegistrationPolicy) -> World:
    return World.of(SteppedClock(), registration=registration, recheck=timedelta(minutes=1))


async def registered(world: World, *emails: str) -> list[PushpakaError]:
    """Register all at the same time; return the refusals."""
    refusals: list[PushpakaError] = []

    async def register(email: str) -> None:
        try:
            await world.accounts.register(a_registration(email))
        except PushpakaError as error:
            refusals.append(error)

    async with create_task_group() as tasks:
        for email in emails:
            tasks.start_soon(register, email)
    return refusals


async def disable(world: World, actor: Actor) -> None:
    async with world.storage.transaction() as uow:
        user = await uow.users.get(actor.require_user())
        await uow.users.update(evolve(user, disabled_at=world.clock()))


class TestRegister:
    async def test_who_registers_is_signed_in(self, world: World) -> None:
        """Registering returns the account, and a token that says so."""
        signed_in = await world.accounts.register(a_registration("Ann@Example.com"))

        actor = await world.accounts.authenticate(signed_in.token)
        assert ("ann@example.com", Role.USER) == (signed_in.user.email, signed_in.user.role)
        assert Actor.of(signed_in.user) == actor

    async def test_is_audited(self, world: World) -> None:
        """A registration is in the trail of who registered."""
        ann = await world.signed_up("ann@example.com")

        assert [("user.registered", None)] == await world.trail(ann)

    async def test_takes_an_address_once_in_any_case(self, world: World) -> None:
        """A@X.com and a@x.com are the same address."""
        await world.accounts.register(a_registration("ann@example.com"))

        with pytest.raises(DuplicateError, match="e-mail address is already taken"):
            await world.accounts.register(a_registration("ANN@example.com"))

    async def test_twenty_at_once_make_one_account(self, world: World) -> None:
        """Of registrations of one address that race, one wins."""
        refusals = await registered(world, *["ann@example.com"] * 20)

        assert [DuplicateError] * 19 == [type(error) for error in refusals]

    async def test_closed_admits_nobody(self) -> None:
        """A closed instance refuses with a sentence."""
        world = a_world(RegistrationPolicy.CLOSED)

        with pytest.raises(NotAllowedError, match="Registration is closed"):
            await world.accounts.register(a_registration())

    async def test_first_admits_one_of_those_that_race(self) -> None:
        """Under "first", two racing first registrations give one account."""
        world = a_world(RegistrationPolicy.FIRST)

        refusals = await registered(world, "ann@example.com", "bob@example.com")

        assert [NotAllowedError] == [type(error) for error in refusals]
        assert 1 == len(await world.accounts.all(PLATFORM))


class TestLogIn:
    async def test_the_password_gives_a_token(self, world: World, ann: Actor) -> None:
        """Who knows the password is signed in, whatever the case of the address."""
        signed_in = await world.accounts.log_in(credentials("ANN@example.com"))

        assert ann == await world.accounts.authenticate(signed_in.token)

    @pytest.mark.parametrize(
        "wrong",
        [
            credentials(password="incorrect horse"),
            credentials("nobody@example.com"),
            credentials("not an address"),
        ],
    )
    async def test_wrong_is_wrong(self, world: World, ann: Actor, wrong: Credentials) -> None:
        """A wrong password and an unknown address are refused by the same words."""
        assert ann.user_id

        with pytest.raises(NotAuthenticatedError) as refusal:
            await world.accounts.log_in(wrong)

        assert "The e-mail address or the password is wrong." == str(refusal.value)

    async def test_a_disabled_account_looks_like_a_wrong_password(
        self, world: World, ann: Actor
    ) -> None:
        """Nobody learns from a refusal that an account is disabled."""
        await disable(world, ann)

        with pytest.raises(NotAuthenticatedError, match="password is wrong"):
            await world.accounts.log_in(credentials())

    async def test_an_outdated_hash_is_renewed(self, world: World, ann: Actor) -> None:
        """A login with a hash by weaker parameters leaves one by today's, and old tokens good."""
        before = await world.accounts.log_in(credentials())
        await _keep_hash(world, ann, await PlainHasher(strength=0).hash(PASSWORD))

        await world.accounts.log_in(credentials())

        user = await world.accounts.me(ann)
        assert not PlainHasher().is_outdated(user.password_hash)
        assert ann == await world.accounts.authenticate(before.token)


async def _keep_hash(world: World, actor: Actor, password_hash: str) -> None:
    async with world.storage.transaction() as uow:
        user = await uow.users.get(actor.require_user())
        await uow.users.update(evolve(user, password_hash=password_hash))


class TestAuthenticate:
    async def test_a_token_ends_with_its_lifetime(self, world: World, ann: Actor) -> None:
        """A token is good for an hour here."""
        token = (await world.accounts.log_in(credentials())).token
        world.clock.tick(3599)
        assert ann == await world.accounts.authenticate(token)

        world.clock.tick(2)

        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(token)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c"])
    async def test_nonsense_is_refused(self, world: World, token: str) -> None:
        """What is no token proves nothing."""
        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(token)

    async def test_a_disabled_account_is_refused_at_once(self, world: World, ann: Actor) -> None:
        """Disabling an account ends its tokens."""
        token = (await world.accounts.log_in(credentials())).token
        await disable(world, ann)

        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(token)

    async def test_an_account_that_is_gone_is_refused(self, world: World) -> None:
        """A good token of an account that is not there any more proves nothing."""
        nobody = UserId(UUID(int=1))
        token = world.signer.sign(nobody, 1, at=world.clock(), lifetime=timedelta(hours=1))

        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(token)


class TestChangePassword:
    async def test_ends_all_older_tokens(self, world: World, ann: Actor) -> None:
        """Only the new token and the new password count afterwards."""
        old = await world.accounts.log_in(credentials())

        new = await world.accounts.change_password(
            ann, NewPassword(current_password=PASSWORD, new_password="battery staple")
        )

        assert ann == await world.accounts.authenticate(new.token)
        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(old.token)
        with pytest.raises(NotAuthenticatedError):
            await world.accounts.log_in(credentials())
        assert ("user.password_changed", None) == (await world.trail(ann))[0]

    async def test_needs_the_present_password(self, world: World, ann: Actor) -> None:
        """A stolen token alone does not change the password."""
        with pytest.raises(InvalidInputError) as refusal:
            await world.accounts.change_password(
                ann, NewPassword(current_password="wrong", new_password="battery staple")
            )

        assert {"current_password": "must be the present password"} == refusal.value.problems

    async def test_one_of_two_that_race_wins(self, world: World, ann: Actor) -> None:
        """Who was overtaken is told, and does not undo the other's change."""
        refusals = []

        async def change(new_password: str) -> None:
            try:
                await world.accounts.change_password(
                    ann, NewPassword(current_password=PASSWORD, new_password=new_password)
                )
            except PushpakaError as error:
                refusals.append(type(error))

        async with create_task_group() as tasks:
            tasks.start_soon(change, "battery staple")
            tasks.start_soon(change, "paper clip")

        assert [StaleEntityError] == refusals
        await world.accounts.log_in(credentials(password="battery staple"))

    async def test_needs_the_full_scope(self, world: World, ann: Actor) -> None:
        """A token for deploying changes no password."""
        with pytest.raises(NotAllowedError):
            await world.accounts.change_password(
                evolve(ann, scope=Scope.DEPLOY),
                NewPassword(current_password=PASSWORD, new_password="battery staple"),
            )


class TestOperator:
    async def test_makes_accounts_while_registration_is_closed(self) -> None:
        """The operator's accounts are not bound by the policy."""
        world = a_world(RegistrationPolicy.CLOSED)

        user = await world.accounts.create(PLATFORM, a_registration(), Role.ADMIN)

        assert Role.ADMIN is user.role
        assert [user] == await world.accounts.all(PLATFORM)

    async def test_makes_administrators(self, world: World, ann: Actor) -> None:
        """A role holds from the next request on, with the old token too."""
        token = (await world.accounts.log_in(credentials())).token

        await world.accounts.set_role(PLATFORM, "Ann@example.com", Role.ADMIN)

        assert evolve(ann, role=Role.ADMIN) == await world.accounts.authenticate(token)

    async def test_resets_a_password_and_ends_the_tokens(self, world: World, ann: Actor) -> None:
        """After a reset the old password and the old tokens are worth nothing."""
        token = (await world.accounts.log_in(credentials())).token

        await world.accounts.reset_password(PLATFORM, "ann@example.com", "battery staple")

        with pytest.raises(NotAuthenticatedError):
            await world.accounts.authenticate(token)
        signed_in = await world.accounts.log_in(credentials(password="battery staple"))
        assert ann.user_id == signed_in.user.id

    async def test_resets_to_no_bad_password(self, world: World, ann: Actor) -> None:
        """The rules for passwords hold for the operator as well."""
        assert ann.user_id

        with pytest.raises(InvalidInputError, match="8 to 1024 characters"):
            await world.accounts.reset_password(PLATFORM, "ann@example.com", "short")

    async def test_is_told_of_an_unknown_address(self, world: World) -> None:
        """An address without an account is said to be none."""
        with pytest.raises(NotFoundError, match="no such user"):
            await world.accounts.set_role(PLATFORM, "nobody@example.com", Role.ADMIN)

    async def test_is_not_for_everybody(self, world: World, ann: Actor) -> None:
        """To others these doors do not exist."""
        for attempt in (
            world.accounts.create(ann, a_registration("zoe@example.com")),
            world.accounts.set_role(ann, "ann@example.com", Role.ADMIN),
            world.accounts.reset_password(ann, "ann@example.com", PASSWORD),
            world.accounts.all(ann),
        ):
            with pytest.raises(NotFoundError):
                await attempt
