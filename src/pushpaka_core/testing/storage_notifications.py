"""What every storage must do with notification channels, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_channel, a_project, a_user, later


class ChannelsContract:
    """The promises of the ports `Channels` and `VisibleChannels`."""

    async def test_an_owner_sees_their_own_channels(self, storage: Storage) -> None:
        """They are listed the newest first; those of others are not."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        old, young = a_channel(mine), a_channel(mine, created_at=later(1), crash=False)
        hidden = a_channel(foreign)
        await keep(storage, ann, bob, mine, foreign, old, young, hidden)

        async with storage.snapshot() as uow:
            visible = uow.channels.visible_to(Actor.of(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert [] == list(await visible.of_project(foreign.id))
            assert [hidden] == list(await uow.channels.visible_to(PLATFORM).of_project(foreign.id))
            with pytest.raises(NotFoundError, match="channel"):
                await visible.get(hidden.id)

    async def test_a_channel_keeps_how_it_was_told(self, storage: Storage) -> None:
        """Nothing else of it is written; one that is gone stays so."""
        project = await keep_project(storage)
        channel, gone = a_channel(project), a_channel(project)
        await keep(storage, channel)
        noted = channel.told(at=later(1)).missed("*** answers 503.")

        async with storage.transaction() as uow:
            await uow.channels.note(evolve(noted, service="other"))
            await uow.channels.note(gone)

        async with storage.snapshot() as uow:
            assert [noted] == list(await uow.channels.visible_to(PLATFORM).all())

    async def test_a_removed_channel_is_gone(self, storage: Storage) -> None:
        """To remove it again is harmless."""
        channel = a_channel(await keep_project(storage))
        await keep(storage, channel)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.channels.remove(channel)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.channels.visible_to(PLATFORM).all())

    async def test_a_channel_needs_its_project(self, storage: Storage) -> None:
        """One for a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_channel(a_project(a_user())))
