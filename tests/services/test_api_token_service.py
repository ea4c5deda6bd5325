"""API tokens: who may make them, what they are good for, and what ends them."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.services.world import PASSWORD, World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.tokens import ApiToken, NewApiToken, TokenScope
from pushpaka_core.domain.users import Credentials, NewPassword
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
)
from pushpaka_core.services.api_tokens import IssuedApiToken

pytestmark = pytest.mark.anyio

SCOPES = {
    TokenScope.READ: Scope.READ,
    TokenScope.DEPLOY: Scope.DEPLOY,
    TokenScope.FULL: Scope.FULL,
}


async def issued(
    world: World,
    actor: Actor,
    scope: TokenScope = TokenScope.FULL,
    lasts: timedelta | None = None,
) -> IssuedApiToken:
    expires_at = None if lasts is None else world.clock() + lasts
    new = NewApiToken(name="CI", scope=scope, expires_at=expires_at)
    return await world.api_tokens.create(actor, new)


async def kept(world: World) -> list[ApiToken]:
    async with world.storage.snapshot() as uow:
        return list(await uow.api_tokens.visible_to(PLATFORM).all())


async def require_refused(world: World, secret: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        await world.accounts.authenticate(secret)


class TestAuthenticate:
    @pytest.mark.parametrize("scope", TokenScope)
    async def test_a_token_stands_for_its_owner_as_far_as_its_scope(
        self, world: World, ann: Actor, scope: TokenScope
    ) -> None:
        """It is recognised by its secret, of which the storage has a hash."""
        made = await issued(world, ann, scope)

        assert evolve(ann, scope=SCOPES[scope]) == await world.accounts.authenticate(made.secret)
        assert made.secret.startswith(made.token.prefix)
        assert made.secret not in repr(await kept(world))

    async def test_only_the_very_secret_counts(self, world: World, ann: Actor) -> None:
        """Neither what is like it, nor what is kept of it, is it."""
        made = await issued(world, ann)
        last = "0" if made.secret[-1] != "0" else "1"

        for wrong in (
            made.secret[:-1] + last,
            made.secret[:-1],
            made.secret.upper(),
            made.secret + " ",
            "ppk_" + made.token.digest,
            "ppk_",
            made.token.prefix,
            "ppk_" + "x" * 1_000_000,
        ):
            await require_refused(world, wrong)

    async def test_a_token_ends_when_it_was_to(self, world: World, ann: Actor) -> None:
        """One with an expiry is good until then, and not a moment longer."""
        made = await issued(world, ann, lasts=timedelta(hours=2))
        world.clock.tick(2 * 3600 - 1)
        assert ann.user_id == (await world.accounts.authenticate(made.secret)).user_id

        world.clock.tick(1)

        await require_refused(world, made.secret)

    async def test_its_last_use_is_told_without_a_write_for_each(
        self, world: World, ann: Actor
    ) -> None:
        """It is noted anew after ten minutes."""
        made = await issued(world, ann)
        first = world.clock()
        seen = []
        for seconds in (0, 599, 1):
            world.clock.tick(seconds)
            await world.accounts.authenticate(made.secret)
            seen += [token.last_used_at for token in await kept(world)]

        assert [first, first, first + timedelta(minutes=10)] == seen


class TestCreate:
    @pytest.mark.parametrize("scope", TokenScope)
    async def test_no_token_makes_another_one(
        self, world: World, ann: Actor, scope: TokenScope
    ) -> None:
        """So whoever finds one has it until it ends, and nothing longer or larger."""
        made = await issued(world, ann, scope)
        program = await world.accounts.authenticate(made.secret)

        with pytest.raises(NotAllowedError, match="Sign in with your password"):
            await issued(world, program, TokenScope.READ)

        assert [made.token.id] == [token.id for token in await kept(world)]

    async def test_who_was_signed_out_meanwhile_makes_none(self, world: World, ann: Actor) -> None:
        """A request that was on its way leaves nothing behind that outlives the sign-out."""
        await world.accounts.log_out(ann, "", everywhere=True)

        with pytest.raises(NotAuthenticatedError):
            await issued(world, ann)

        assert [] == await kept(world)

    @pytest.mark.parametrize("seconds", [0, -1])
    async def test_a_token_of_the_past_is_refused(
        self, world: World, ann: Actor, seconds: int
    ) -> None:
        """It would be good for nothing."""
        with pytest.raises(InvalidInputError, match="expires_at: must be in the future"):
            await issued(world, ann, lasts=timedelta(seconds=seconds))

    async def test_nobody_has_more_than_a_hundred(
        self, world: World, ann: Actor, bob: Actor
    ) -> None:
        """Until one of them is deleted; those of others do not count."""
        await issued(world, bob)
        made = [await issued(world, ann) for _ in range(100)]
        with pytest.raises(ConflictError, match="Delete one"):
            await issued(world, ann)

        await world.api_tokens.delete(ann, made[0].token.id)

        await issued(world, ann)

    async def test_is_audited(self, world: World, ann: Actor) -> None:
        """Who makes and deletes a token is in the trail, by its name."""
        made = await issued(world, ann)
        await world.api_tokens.delete(ann, made.token.id)

        assert [("token.deleted", "CI"), ("token.created", "CI")] == (await world.trail(ann))[:2]


class TestDelete:
    async def test_a_deleted_token_is_nobody(self, world: World, ann: Actor) -> None:
        """At once, and others go on."""
        gone, other = await issued(world, ann), await issued(world, ann)

        await world.api_tokens.delete(ann, gone.token.id)

        await require_refused(world, gone.secret)
        assert ann.user_id == (await world.accounts.authenticate(other.secret)).user_id

    async def test_nobody_deletes_that_of_others(
        self, world: World, ann: Actor, bob: Actor
    ) -> None:
        """To others it does not exist, in lists neither."""
        made = await issued(world, ann)

        with pytest.raises(NotFoundError, match="no such token"):
            await world.api_tokens.delete(bob, made.token.id)

        assert [] == list(await world.api_tokens.all(bob))
        assert ann.user_id == (await world.accounts.authenticate(made.secret)).user_id


class TestSignOut:
    async def test_a_token_can_end_itself(self, world: World, ann: Actor) -> None:
        """Whoever finds one, or is done with it, may end it, whatever it was made for."""
        made = await issued(world, ann, TokenScope.READ)
        program = await world.accounts.authenticate(made.secret)

        await world.accounts.log_out(program, made.secret)

        await require_refused(world, made.secret)

    async def test_a_token_cannot_end_all(self, world: World, ann: Actor) -> None:
        """That is for who has signed in."""
        made = await issued(world, ann)
        program = await world.accounts.authenticate(made.secret)

        with pytest.raises(NotAllowedError):
            await world.accounts.log_out(program, made.secret, everywhere=True)

    async def test_they_end_with_the_tokens_of_their_owner(
        self, world: World, ann: Actor, bob: Actor
    ) -> None:
        """Whatever signs somebody out everywhere ends their API tokens, and nobody else's."""
        others = await issued(world, bob)
        email = "ann@example.com"
        change = NewPassword(current_password=PASSWORD, new_password=PASSWORD)

        for end_all in (
            lambda actor: world.accounts.log_out(actor, "", everywhere=True),
            lambda actor: world.accounts.change_password(actor, change),
            lambda _: world.accounts.reset_password(PLATFORM, email, PASSWORD),
            lambda _: world.accounts.disable(PLATFORM, email),
        ):
            signed_in = await world.accounts.log_in(Credentials(email=email, password=PASSWORD))
            actor = await world.accounts.authenticate(signed_in.token)
            made = await issued(world, actor)
            await end_all(actor)
            await require_refused(world, made.secret)

        assert [others.token.id] == [token.id for token in await kept(world)]
        assert ann.user_id
