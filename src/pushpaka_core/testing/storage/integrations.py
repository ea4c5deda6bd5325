"""Contract tests of webhooks and the outbox."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.integrations.webhooks import WebhookDelivery
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.integrations import a_webhook, an_outbox_message
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import a_secret, later
from pushpaka_core.testing.stored_objects import store, store_project


class WebhooksContract:
    """Contract tests of the `Webhooks` port."""

    async def test_a_webhook_can_be_changed(self, storage: Storage) -> None:
        """A new secret and other changed fields are stored."""
        webhook = a_webhook(await store_project(storage))
        await store(storage, webhook)
        changed = evolve(webhook, secret=a_secret("new"), forks=True)

        async with storage.transaction() as uow:
            await uow.webhooks.update(changed)

        async with storage.snapshot() as uow:
            assert [changed] == list(await uow.webhooks.visible_to(PLATFORM).all())

    async def test_repeated_delivery_is_recognized(self, storage: Storage) -> None:
        """A delivery is found by its webhook and digest, until it is removed."""
        project = await store_project(storage)
        one, other = a_webhook(project), a_webhook(project)
        await store(storage, one, other)
        delivery = WebhookDelivery(webhook_id=one.id, digest="d1", received_at=later(1))
        others = [evolve(delivery, digest="d2"), evolve(delivery, webhook_id=other.id)]
        young = evolve(delivery, digest="d3", received_at=later(3))

        async with storage.transaction() as uow:
            await uow.webhooks.record_delivery(delivery)
            await uow.webhooks.record_delivery(young)

        async with storage.snapshot() as uow:
            assert await uow.webhooks.has_delivery(evolve(delivery, received_at=later(9)))
            assert not any([await uow.webhooks.has_delivery(each) for each in others])
        async with storage.transaction() as uow:
            await uow.webhooks.remove_deliveries(later(2))
        async with storage.snapshot() as uow:
            assert not await uow.webhooks.has_delivery(delivery)
            assert await uow.webhooks.has_delivery(young)

    async def test_a_removed_webhook_is_gone_with_its_deliveries(self, storage: Storage) -> None:
        """Another removal has no effect, and recording another delivery raises NotFoundError."""
        webhook = a_webhook(await store_project(storage))
        await store(storage, webhook)
        delivery = WebhookDelivery(webhook_id=webhook.id, digest="d1", received_at=later(1))
        async with storage.transaction() as uow:
            await uow.webhooks.record_delivery(delivery)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.webhooks.remove(webhook)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.webhooks.visible_to(PLATFORM).all())
            assert not await uow.webhooks.has_delivery(delivery)
        with pytest.raises(NotFoundError):
            async with storage.transaction() as uow:
                await uow.webhooks.record_delivery(delivery)


class OutboxContract:
    """Contract tests of the `Outbox` port."""

    async def test_due_messages_are_returned(self, storage: Storage) -> None:
        """Messages that have been due the longest come first, up to the limit."""
        project = await store_project(storage)
        late, soon, sooner = (
            an_outbox_message(project, target=name, next_at=later(seconds))
            for name, seconds in (("c", 9), ("b", 2), ("a", 1))
        )
        await store(storage, late, soon, sooner)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.list_due(later(0.5), limit=9, limit_per_owner=9))
            assert [sooner, soon] == list(
                await uow.outbox.list_due(later(2), limit=9, limit_per_owner=9)
            )
            assert [sooner] == list(
                await uow.outbox.list_due(later(20), limit=1, limit_per_owner=9)
            )

    async def test_messages_to_one_target_keep_their_order(self, storage: Storage) -> None:
        """
        A message is returned only after the one added before it has been removed, even if due
        sooner.
        """
        project = await store_project(storage)
        first = an_outbox_message(project, target="a", next_at=later(5))
        second = an_outbox_message(project, target="a", next_at=later(1))
        other_kind = an_outbox_message(project, target="a", kind="other", next_at=later(2))
        await store(storage, first, second, other_kind)

        async with storage.snapshot() as uow:
            assert [other_kind] == list(
                await uow.outbox.list_due(later(2), limit=9, limit_per_owner=9)
            )
            assert [other_kind, first] == list(
                await uow.outbox.list_due(later(9), limit=9, limit_per_owner=9)
            )
        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.outbox.remove(first)
        async with storage.snapshot() as uow:
            assert [second, other_kind] == list(
                await uow.outbox.list_due(later(9), limit=9, limit_per_owner=9)
            )

    async def test_owners_take_turns(self, storage: Storage) -> None:
        """Many messages of one owner do not delay those of another."""
        ann, bob = a_user(), a_user()
        many, few, other = a_project(ann), a_project(bob), a_project(ann)
        first, second, third = (an_outbox_message(many, next_at=later(n)) for n in range(3))
        fourth = an_outbox_message(other, next_at=later(3))
        late, of_another_kind = (
            an_outbox_message(few, next_at=later(4)),
            an_outbox_message(many, kind="other"),
        )
        await store(storage, ann, bob, many, few, other)
        await store(storage, first, second, third, fourth, late, of_another_kind)

        async with storage.snapshot() as uow:
            due = list(await uow.outbox.list_due(later(9), limit=9, limit_per_owner=2))
            assert {first, of_another_kind} == set(due[:2])
            assert [late, second] == due[2:]
            assert due[:3] == list(await uow.outbox.list_due(later(9), limit=3, limit_per_owner=2))

    async def test_pending_messages_are_found_by_target(self, storage: Storage) -> None:
        """Pending messages are found by kind and target, whenever they are due."""
        project = await store_project(storage)
        await store(storage, an_outbox_message(project, target="a", next_at=later(60)))

        async with storage.snapshot() as uow:
            for kind, target, expected in (
                ("commit_status", "a", True),
                ("commit_status", "b", False),
                ("other", "a", False),
            ):
                assert expected == await uow.outbox.has_message(kind=kind, target=target)

    async def test_a_postponed_message_waits(self, storage: Storage) -> None:
        """
        A postponed message is not returned before its new time. Postponing a removed message does
        not restore it.
        """
        project = await store_project(storage)
        message, gone = an_outbox_message(project), an_outbox_message(project)
        await store(storage, message)
        postponed = evolve(message, attempts=1, next_at=later(60))

        async with storage.transaction() as uow:
            await uow.outbox.store_attempt(postponed)
            await uow.outbox.store_attempt(gone)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.list_due(later(59), limit=9, limit_per_owner=9))
            assert [postponed] == list(
                await uow.outbox.list_due(later(60), limit=9, limit_per_owner=9)
            )

    async def test_messages_are_removed_with_their_project(self, storage: Storage) -> None:
        """Pending messages are deleted, and a message of a project that is missing is rejected."""
        project = await store_project(storage)
        await store(storage, an_outbox_message(project))

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.list_due(later(99), limit=9, limit_per_owner=9))
        with pytest.raises(NotFoundError):
            await store(storage, an_outbox_message(a_project(a_user())))
