"""The event bus's promises, over every adapter."""

import pytest

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.ports.events import EventBus
from pushpaka_core.testing.events import EventBusContract

pytestmark = pytest.mark.anyio


class TestEventBus(EventBusContract):
    """In this process."""


@pytest.fixture
async def bus() -> EventBus:
    return MemoryEventBus()
