"""What is to be sent is sent at the same time, and nobody holds up others by it."""

from datetime import timedelta

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever
from tests.services.world import SteppedClock

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.outbox import OutboxMessage
from pushpaka_core.services.sending import OutboxSending
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_message, a_project, a_user, later
from pushpaka_worker.rounds import forever_apart

pytestmark = pytest.mark.anyio


async def test_servers_that_hang_hold_up_who_named_them_alone() -> None:
    """However many of them somebody has named, others are told beside them."""
    ann, bob = a_user(), a_user()
    named, other = a_project(ann), a_project(bob)
    storage, hanging, is_told = MemoryStorage(), list[OutboxMessage](), Event()
    await keep(storage, ann, bob, named, other)
    await keep(storage, *(a_message(named) for _ in range(150)), a_message(other))

    async def send(message: OutboxMessage) -> None:
        if message.project_id == named.id:
            hanging.append(message)
            await sleep_forever()
        is_told.set()

    sending = OutboxSending(storage, {"commit_status": send}, SteppedClock(later(1)))
    async with create_task_group() as rounds:
        rounds.start_soon(forever_apart, timedelta(0), sending.send)
        with fail_after(5):
            await is_told.wait()
        rounds.cancel_scope.cancel()

    assert 4 == len(hanging)
