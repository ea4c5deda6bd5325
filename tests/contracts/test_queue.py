"""The queue's promises, over every adapter."""

import pytest

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.testing.queue import QueueContract

pytestmark = pytest.mark.anyio


class TestQueue(QueueContract):
    """In this process."""


@pytest.fixture
async def queue() -> DeploymentQueue:
    return MemoryQueue()
