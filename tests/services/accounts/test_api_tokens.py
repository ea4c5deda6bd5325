"""Creating, using, limiting and revoking API tokens."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.service_fixtures import PASSWORD, Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.tokens import ApiToken, NewApiToken, TokenScope
from pushpaka_core.domain.accounts.users import Credentials, NewPassword
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
)
from pushpaka_core.services.accounts.api_tokens import IssuedApiToken

pytestmark = pytest.mark.anyio

SCOPES = {TokenScope.READ: Scope.READ, TokenScope.DEPLOY: Scope.DEPLOY, TokenScope.FULL: Scope.FULL}


async def issue(
    services: Services,
    actor: Actor,
    scope: TokenScope = TokenScope.FULL,
    lifetime: timedelta | None = None,
) -> IssuedApiToken:
    expires_at = None if lifetime is None else services.clock() + lifetime
    new = NewApiToken(name="CI", scope=scope, expires_at=expires_at)
    return await services.api_tokens.create(actor, new)


async def stored_tokens(services: Services) -> list[ApiToken]:
    async with services.storage.snapshot() as uow:
        return list(await uow.api_tokens.visible_to(PLATFORM).all())


async def assert_rejected(services: Services, secret: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        await services.accounts.authenticate(secret)


class TestAuthenticate:
    @pytest.mark.parametrize("scope", TokenScope)
    async def test_a_token_acts_for_its_owner_within_its_scope(
        self, services: Services, ann: Actor, scope: TokenScope
    ) -> None:
        made = await issue(services, ann, scope)

        assert evolve(ann, scope=SCOPES[scope]) == await services.accounts.authenticate(made.secret)
        assert made.secret.startswith(made.token.prefix)
        assert made.secret not in repr(await stored_tokens(services))

    async def test_only_the_exact_secret_is_accepted(self, services: Services, ann: Actor) -> None:
        made = await issue(services, ann)
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
            await assert_rejected(services, wrong)

    async def test_a_token_expires(self, services: Services, ann: Actor) -> None:
        made = await issue(services, ann, lifetime=timedelta(hours=2))
        services.clock.advance(2 * 3600 - 1)
        assert ann.user_id == (await services.accounts.authenticate(made.secret)).user_id

        services.clock.advance(1)

        await assert_rejected(services, made.secret)

    async def test_last_use_is_not_written_for_every_request(
        self, services: Services, ann: Actor
    ) -> None:
        made = await issue(services, ann)
        first = services.clock()
        seen = []
        for seconds in (0, 599, 1):
            services.clock.advance(seconds)
            await services.accounts.authenticate(made.secret)
            seen += [token.last_used_at for token in await stored_tokens(services)]

        assert [first, first, first + timedelta(minutes=10)] == seen


class TestCreate:
    @pytest.mark.parametrize("scope", TokenScope)
    async def test_an_api_token_cannot_create_another_token(
        self, services: Services, ann: Actor, scope: TokenScope
    ) -> None:
        made = await issue(services, ann, scope)
        program = await services.accounts.authenticate(made.secret)

        with pytest.raises(NotAllowedError, match="Sign in with your password"):
            await issue(services, program, TokenScope.READ)

        assert [made.token.id] == [token.id for token in await stored_tokens(services)]

    async def test_a_signed_out_user_cannot_create_a_token(
        self, services: Services, ann: Actor
    ) -> None:
        await services.accounts.sign_out(ann, "", everywhere=True)

        with pytest.raises(NotAuthenticatedError):
            await issue(services, ann)

        assert [] == await stored_tokens(services)

    @pytest.mark.parametrize("seconds", [0, -1])
    async def test_an_expiry_in_the_past_is_rejected(
        self, services: Services, ann: Actor, seconds: int
    ) -> None:
        with pytest.raises(InvalidInputError, match="expires_at: must be in the future"):
            await issue(services, ann, lifetime=timedelta(seconds=seconds))

    async def test_a_user_has_at_most_100_tokens(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        await issue(services, bob)
        made = [await issue(services, ann) for _ in range(100)]
        with pytest.raises(ConflictError, match="Delete one"):
            await issue(services, ann)

        await services.api_tokens.delete(ann, made[0].token.id)

        await issue(services, ann)


class TestDelete:
    async def test_a_deleted_token_is_rejected(self, services: Services, ann: Actor) -> None:
        gone, other = await issue(services, ann), await issue(services, ann)

        await services.api_tokens.delete(ann, gone.token.id)

        await assert_rejected(services, gone.secret)
        assert ann.user_id == (await services.accounts.authenticate(other.secret)).user_id

    async def test_tokens_of_other_users_cannot_be_deleted(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        made = await issue(services, ann)

        with pytest.raises(NotFoundError, match="no such token"):
            await services.api_tokens.delete(bob, made.token.id)

        assert [] == list(await services.api_tokens.all(bob))
        assert ann.user_id == (await services.accounts.authenticate(made.secret)).user_id


class TestSignOut:
    async def test_signing_out_revokes_only_that_token(
        self, services: Services, ann: Actor
    ) -> None:
        made = await issue(services, ann, TokenScope.READ)
        program = await services.accounts.authenticate(made.secret)

        with pytest.raises(NotAllowedError):
            await services.accounts.sign_out(program, made.secret, everywhere=True)
        await services.accounts.sign_out(program, made.secret)

        await assert_rejected(services, made.secret)

    async def test_signing_out_everywhere_revokes_api_tokens(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        others = await issue(services, bob)
        email = "ann@example.com"
        change = NewPassword(current_password=PASSWORD, new_password=PASSWORD)

        for end_all in (
            lambda actor: services.accounts.sign_out(actor, "", everywhere=True),
            lambda actor: services.accounts.change_password(actor, change),
            lambda _: services.accounts.reset_password(PLATFORM, email, PASSWORD),
            lambda _: services.accounts.disable(PLATFORM, email),
        ):
            signed_in = await services.accounts.sign_in(Credentials(email=email, password=PASSWORD))
            actor = await services.accounts.authenticate(signed_in.token)
            made = await issue(services, actor)
            await end_all(actor)
            await assert_rejected(services, made.secret)

        assert [others.token.id] == [token.id for token in await stored_tokens(services)]
        assert ann.user_id
