"""What every storage must do with webhooks, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.webhooks import WebhookDelivery, WebhookId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_project, a_secret, a_user, a_webhook, an_id, later


class WebhooksContract:
    """The promises of the ports `Webhooks` and `VisibleWebhooks`."""

    async def test_an_owner_sees_their_own_webhooks(self, storage: Storage) -> None:
        """They are listed the newest first; those of others and of deleted projects are not."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        old = a_webhook(mine, created_at=later(1), secret=a_secret("old"))
        young = a_webhook(mine, created_at=later(2), previews=True)
        hidden = a_webhook(foreign), a_webhook(gone)
        await keep(storage, ann, bob, mine, foreign, gone, young, old, *hidden)

        async with storage.snapshot() as uow:
            visible = uow.webhooks.visible_to(Actor.of(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert [young, old] == list(await visible.of_project(mine.id))
            assert [] == list(await visible.of_project(foreign.id))
            assert 4 == len(await uow.webhooks.visible_to(PLATFORM).all())
            for webhook in hidden:
                with pytest.raises(NotFoundError, match="webhook"):
                    await visible.get(webhook.id)

    async def test_an_unknown_webhook_is_not_found(self, storage: Storage) -> None:
        """An id that no webhook has raises NotFoundError."""
        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="webhook"):
                await uow.webhooks.visible_to(PLATFORM).get(WebhookId(an_id()))

    async def test_a_webhook_can_be_changed(self, storage: Storage) -> None:
        """What is put under the same id takes its place."""
        webhook = a_webhook(await keep_project(storage))
        await keep(storage, webhook)
        changed = evolve(webhook, secret=a_secret("new"), forks=True)

        await keep(storage, changed)

        async with storage.snapshot() as uow:
            assert [changed] == list(await uow.webhooks.visible_to(PLATFORM).all())

    async def test_a_webhook_needs_its_project(self, storage: Storage) -> None:
        """One for a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_webhook(a_project(a_user())))

    async def test_a_delivery_is_known_again(self, storage: Storage) -> None:
        """By its webhook and its digest, until it is forgotten."""
        project = await keep_project(storage)
        one, other = a_webhook(project), a_webhook(project)
        await keep(storage, one, other)
        delivery = WebhookDelivery(webhook_id=one.id, digest="d1", received_at=later(1))
        others = [evolve(delivery, digest="d2"), evolve(delivery, webhook_id=other.id)]
        young = evolve(delivery, digest="d3", received_at=later(3))

        async with storage.transaction() as uow:
            await uow.webhooks.note(delivery)
            await uow.webhooks.note(young)

        async with storage.snapshot() as uow:
            assert await uow.webhooks.has(evolve(delivery, received_at=later(9)))
            assert not any([await uow.webhooks.has(each) for each in others])
        async with storage.transaction() as uow:
            await uow.webhooks.forget(later(2))
        async with storage.snapshot() as uow:
            assert not await uow.webhooks.has(delivery)
            assert await uow.webhooks.has(young)

    async def test_a_removed_webhook_is_gone_with_its_deliveries(self, storage: Storage) -> None:
        """To remove it again is harmless, and nothing can come by it any more."""
        webhook = a_webhook(await keep_project(storage))
        await keep(storage, webhook)
        delivery = WebhookDelivery(webhook_id=webhook.id, digest="d1", received_at=later(1))
        async with storage.transaction() as uow:
            await uow.webhooks.note(delivery)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.webhooks.remove(webhook)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.webhooks.visible_to(PLATFORM).all())
            assert not await uow.webhooks.has(delivery)
        with pytest.raises(NotFoundError):
            async with storage.transaction() as uow:
                await uow.webhooks.note(delivery)
