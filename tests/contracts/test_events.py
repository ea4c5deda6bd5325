"""The event bus's promises, over every adapter."""

from collections.abc import AsyncIterator

import pytest
from tests.redis_server import process_at, until_up

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.ports.events import EventBus
from pushpaka_core.testing.events import EventBusContract

pytestmark = pytest.mark.anyio


class TestEventBus(EventBusContract):
    """In this process, with and without Redis beside it."""


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis"))])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[EventBus]:
    if request.param == "memory":
        yield MemoryEventBus()
        return
    async with process_at(request.getfixturevalue("shared_redis").url) as process:
        await until_up(process)
        yield process.events
