"""What every storage must do with API tokens and ended access tokens, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.tokens import ApiTokenId
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_user, an_api_token, an_ended_token, an_id, later


class ApiTokensContract:
    """The promises of the ports `ApiTokens` and `VisibleApiTokens`."""

    async def test_an_owner_sees_their_own_api_tokens(self, storage: Storage) -> None:
        """They are listed the newest first; those of others are not, whoever asks."""
        ann, bob = a_user(), a_user()
        old = an_api_token(ann, created_at=later(1), expires_at=later(9))
        young = an_api_token(ann, created_at=later(2), last_used_at=later(3))
        foreign = an_api_token(bob)
        await keep(storage, ann, bob, young, old, foreign)

        async with storage.snapshot() as uow:
            visible = uow.api_tokens.visible_to(Actor.of(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert 3 == len(await uow.api_tokens.visible_to(PLATFORM).all())
            for unseen in (foreign.id, ApiTokenId(an_id())):
                with pytest.raises(NotFoundError, match="token"):
                    await visible.get(unseen)

    async def test_an_api_token_is_found_by_its_digest(self, storage: Storage) -> None:
        """So is whose it is; what has another digest is nobody's."""
        owner = a_user()
        token = an_api_token(owner)
        await keep(storage, owner, token)

        async with storage.snapshot() as uow:
            assert token == await uow.api_tokens.find_by_digest(token.digest)
            assert (token, owner) == await uow.api_tokens.find_with_owner(token.digest)
            assert await uow.api_tokens.find_by_digest(token.prefix) is None
            assert await uow.api_tokens.find_with_owner(token.prefix) is None

    async def test_a_digest_has_one_api_token(self, storage: Storage) -> None:
        """A secret stands for one token."""
        owner = a_user()
        token = an_api_token(owner)
        await keep(storage, owner, token)

        with pytest.raises(DuplicateError, match="token"):
            await keep(storage, an_api_token(owner, digest=token.digest))

    async def test_an_api_token_needs_its_owner(self, storage: Storage) -> None:
        """One of an account that is not there is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, an_api_token(a_user()))

    async def test_the_last_use_of_an_api_token_is_noted(self, storage: Storage) -> None:
        """Of this one alone; where it is gone there is nothing to note."""
        owner = a_user()
        used, other = an_api_token(owner, created_at=later(1)), an_api_token(owner)
        await keep(storage, owner, used, other)

        async with storage.transaction() as uow:
            await uow.api_tokens.note_use(used, at=later(5))
            await uow.api_tokens.note_use(an_api_token(owner), at=later(5))

        async with storage.snapshot() as uow:
            kept = await uow.api_tokens.visible_to(PLATFORM).all()
        assert [evolve(used, last_used_at=later(5)), other] == list(kept)

    async def test_removed_api_tokens_are_gone(self, storage: Storage) -> None:
        """One, and again, or all of somebody; those of others stay."""
        ann, bob = a_user(), a_user()
        first, second, foreign = an_api_token(ann), an_api_token(ann), an_api_token(bob)
        await keep(storage, ann, bob, first, second, foreign)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.api_tokens.remove(first)
        async with storage.snapshot() as uow:
            assert await uow.api_tokens.find_by_digest(first.digest) is None
            assert second == await uow.api_tokens.find_by_digest(second.digest)
        async with storage.transaction() as uow:
            await uow.api_tokens.remove_of(ann)

        async with storage.snapshot() as uow:
            assert [foreign] == list(await uow.api_tokens.visible_to(PLATFORM).all())


class EndedTokensContract:
    """The promises of the port `EndedTokens`."""

    async def test_an_ended_token_is_known_until_it_is_forgotten(self, storage: Storage) -> None:
        """To end it again is harmless; what expired before a time is forgotten."""
        owner = a_user()
        old, young = (an_ended_token(owner, expires_at=later(seconds)) for seconds in (1, 3))
        await keep(storage, owner, old, young, old)

        async with storage.snapshot() as uow:
            assert await uow.users.carrying(old.token_id, owner.id) is None
            assert owner == await uow.users.carrying(str(an_id()), owner.id)
            assert await uow.users.carrying(str(an_id()), a_user().id) is None
        async with storage.transaction() as uow:
            await uow.ended_tokens.forget(later(2))

        async with storage.snapshot() as uow:
            assert owner == await uow.users.carrying(old.token_id, owner.id)
            assert await uow.users.carrying(young.token_id, owner.id) is None

    async def test_an_ended_token_needs_its_user(self, storage: Storage) -> None:
        """One of an account that is not there is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, an_ended_token(a_user()))
