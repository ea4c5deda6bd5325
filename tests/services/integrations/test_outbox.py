"""Outbox messages are sent concurrently, and slow receivers do not delay others."""

from datetime import timedelta

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever
from tests.service_fixtures import SteppedClock

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.services.integrations.outbox import OutboxSender
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.integrations import an_outbox_message
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.stored_objects import store
from pushpaka_worker.loops import run_rounds

pytestmark = pytest.mark.anyio


async def test_hanging_receivers_delay_only_their_owner() -> None:
    ann, bob = a_user(), a_user()
    named, other = a_project(ann), a_project(bob)
    storage, hanging, is_notified = MemoryStorage(), list[OutboxMessage](), Event()
    await store(storage, ann, bob, named, other)
    await store(storage, *(an_outbox_message(named) for _ in range(150)), an_outbox_message(other))

    async def send(message: OutboxMessage) -> None:
        if message.project_id == named.id:
            hanging.append(message)
            await sleep_forever()
        is_notified.set()

    sending = OutboxSender(storage, {"commit_status": send}, SteppedClock(later(1)))
    async with create_task_group() as rounds:
        rounds.start_soon(run_rounds, timedelta(0), sending.send_due)
        with fail_after(30):
            await is_notified.wait()
        rounds.cancel_scope.cancel()

    assert 4 == len(hanging)
