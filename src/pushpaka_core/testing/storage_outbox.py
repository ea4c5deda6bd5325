"""What every storage must do with what others are to be told, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_message, a_project, a_user, later


class OutboxContract:
    """The promises of the port `Outbox`."""

    async def test_messages_come_when_their_time_has_come(self, storage: Storage) -> None:
        """The longest due come first, and only so many."""
        project = await keep_project(storage)
        late, soon, sooner = (
            a_message(project, target=name, next_at=later(seconds))
            for name, seconds in (("c", 9), ("b", 2), ("a", 1))
        )
        await keep(storage, late, soon, sooner)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.due(later(0.5), limit=9, each=9))
            assert [sooner, soon] == list(await uow.outbox.due(later(2), limit=9, each=9))
            assert [sooner] == list(await uow.outbox.due(later(20), limit=1, each=9))

    async def test_messages_to_one_target_keep_their_order(self, storage: Storage) -> None:
        """The next one comes when the one before is taken away, however long that is due."""
        project = await keep_project(storage)
        first = a_message(project, target="a", next_at=later(5))
        second = a_message(project, target="a", next_at=later(1))
        other_kind = a_message(project, target="a", kind="other", next_at=later(2))
        await keep(storage, first, second, other_kind)

        async with storage.snapshot() as uow:
            assert [other_kind] == list(await uow.outbox.due(later(2), limit=9, each=9))
            assert [other_kind, first] == list(await uow.outbox.due(later(9), limit=9, each=9))
        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.outbox.remove(first)
        async with storage.snapshot() as uow:
            assert [second, other_kind] == list(await uow.outbox.due(later(9), limit=9, each=9))

    async def test_owners_take_turns(self, storage: Storage) -> None:
        """Whoever has much to be sent gets a few places, and no other has to wait for them."""
        ann, bob = a_user(), a_user()
        many, few, other = a_project(ann), a_project(bob), a_project(ann)
        first, second, third = (a_message(many, next_at=later(n)) for n in range(3))
        fourth = a_message(other, next_at=later(3))
        late, of_another_kind = a_message(few, next_at=later(4)), a_message(many, kind="other")
        await keep(storage, ann, bob, many, few, other)
        await keep(storage, first, second, third, fourth, late, of_another_kind)

        async with storage.snapshot() as uow:
            due = list(await uow.outbox.due(later(9), limit=9, each=2))
            assert {first, of_another_kind} == set(due[:2])
            assert [late, second] == due[2:]
            assert due[:3] == list(await uow.outbox.due(later(9), limit=3, each=2))

    async def test_it_is_known_who_is_waited_for(self, storage: Storage) -> None:
        """By kind and target, whenever the message is due."""
        project = await keep_project(storage)
        await keep(storage, a_message(project, target="a", next_at=later(60)))

        async with storage.snapshot() as uow:
            for kind, target, expected in (
                ("commit_status", "a", True),
                ("commit_status", "b", False),
                ("other", "a", False),
            ):
                assert expected == await uow.outbox.is_waiting(kind=kind, target=target)

    async def test_a_postponed_message_waits(self, storage: Storage) -> None:
        """It keeps its place; one that is gone stays so."""
        project = await keep_project(storage)
        message, gone = a_message(project), a_message(project)
        await keep(storage, message)
        postponed = evolve(message, attempts=1, next_at=later(60))

        async with storage.transaction() as uow:
            await uow.outbox.postpone(postponed)
            await uow.outbox.postpone(gone)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.due(later(59), limit=9, each=9))
            assert [postponed] == list(await uow.outbox.due(later(60), limit=9, each=9))

    async def test_a_message_goes_with_its_project(self, storage: Storage) -> None:
        """Nobody is told of what is not there any more."""
        project = await keep_project(storage)
        await keep(storage, a_message(project))

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.outbox.due(later(99), limit=9, each=9))
        with pytest.raises(NotFoundError):
            await keep(storage, a_message(a_project(a_user())))
