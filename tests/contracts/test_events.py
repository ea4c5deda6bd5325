"""Tests every adapter against the contract of the port `EventBus`."""

from collections.abc import AsyncIterator

import pytest
from tests.servers.redis import open_process_adapters, wait_until_up

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.ports.events import EventBus
from pushpaka_core.testing.events import EventBusContract

pytestmark = pytest.mark.anyio


class TestEventBus(EventBusContract):
    """Runs the contract in memory and with Redis, in one process."""


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis"))])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[EventBus]:
    if request.param == "memory":
        yield MemoryEventBus()
        return
    async with open_process_adapters(request.getfixturevalue("shared_redis").url) as process:
        await wait_until_up(process)
        yield process.events
