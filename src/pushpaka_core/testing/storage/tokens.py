"""Contract tests of API tokens and revoked access tokens."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.ids import ApiTokenId
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_revoked_token, a_user, an_api_token
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store


class ApiTokensContract:
    """Contract tests of the `ApiTokens` and `VisibleApiTokens` ports."""

    async def test_an_owner_sees_their_own_api_tokens(self, storage: Storage) -> None:
        """Tokens are listed newest first, without those of other owners."""
        ann, bob = a_user(), a_user()
        old = an_api_token(ann, created_at=later(1), expires_at=later(9))
        young = an_api_token(ann, created_at=later(2), last_used_at=later(3))
        foreign = an_api_token(bob)
        await store(storage, ann, bob, young, old, foreign)

        async with storage.snapshot() as uow:
            visible = uow.api_tokens.visible_to(Actor.from_user(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert 3 == len(await uow.api_tokens.visible_to(PLATFORM).all())
            for unseen in (foreign.id, ApiTokenId(an_id())):
                with pytest.raises(NotFoundError, match="token"):
                    await visible.get(unseen)

    async def test_an_api_token_is_found_by_its_digest(self, storage: Storage) -> None:
        """A token is found with its owner, and an unknown digest returns None."""
        owner = a_user()
        token = an_api_token(owner)
        await store(storage, owner, token)

        async with storage.snapshot() as uow:
            assert token == await uow.api_tokens.find_by_digest(token.digest)
            assert (token, owner) == await uow.api_tokens.find_with_owner(token.digest)
            assert await uow.api_tokens.find_by_digest(token.prefix) is None
            assert await uow.api_tokens.find_with_owner(token.prefix) is None

    async def test_digest_of_an_api_token_is_unique(self, storage: Storage) -> None:
        """A second token with the same digest raises DuplicateError."""
        owner = a_user()
        token = an_api_token(owner)
        await store(storage, owner, token)

        with pytest.raises(DuplicateError, match="token"):
            await store(storage, an_api_token(owner, digest=token.digest))

    async def test_the_last_use_of_an_api_token_is_recorded(self, storage: Storage) -> None:
        """Only the last use of this token is written, and a removed token is not restored."""
        owner = a_user()
        used, other = an_api_token(owner, created_at=later(1)), an_api_token(owner)
        await store(storage, owner, used, other)

        async with storage.transaction() as uow:
            await uow.api_tokens.record_use(used, now=later(5))
            await uow.api_tokens.record_use(an_api_token(owner), now=later(5))

        async with storage.snapshot() as uow:
            kept = await uow.api_tokens.visible_to(PLATFORM).all()
        assert [evolve(used, last_used_at=later(5)), other] == list(kept)

    async def test_removed_api_tokens_are_gone(self, storage: Storage) -> None:
        """
        A token can be removed repeatedly, and all tokens of a user can be removed at once. Tokens
        of other users stay.
        """
        ann, bob = a_user(), a_user()
        first, second, foreign = an_api_token(ann), an_api_token(ann), an_api_token(bob)
        await store(storage, ann, bob, first, second, foreign)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.api_tokens.remove(first)
        async with storage.snapshot() as uow:
            assert await uow.api_tokens.find_by_digest(first.digest) is None
            assert second == await uow.api_tokens.find_by_digest(second.digest)
        async with storage.transaction() as uow:
            await uow.api_tokens.remove_all_of(ann)

        async with storage.snapshot() as uow:
            assert [foreign] == list(await uow.api_tokens.visible_to(PLATFORM).all())


class RevokedTokensContract:
    """Contract tests of the `RevokedTokens` port."""

    async def test_revoked_token_is_stored_until_it_is_removed(self, storage: Storage) -> None:
        """Revoking a token again has no effect, and expired tokens can be removed."""
        owner = a_user()
        old, young = (a_revoked_token(owner, expires_at=later(seconds)) for seconds in (1, 3))
        await store(storage, owner, old, young, old)

        async with storage.snapshot() as uow:
            assert await uow.users.find_by_token(old.token_id, owner.id) is None
            assert owner == await uow.users.find_by_token(str(an_id()), owner.id)
            assert await uow.users.find_by_token(str(an_id()), a_user().id) is None
        async with storage.transaction() as uow:
            await uow.revoked_tokens.remove_expired(later(2))

        async with storage.snapshot() as uow:
            assert owner == await uow.users.find_by_token(old.token_id, owner.id)
            assert await uow.users.find_by_token(young.token_id, owner.id) is None
