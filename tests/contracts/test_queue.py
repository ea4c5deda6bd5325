"""The queue's promises, over every adapter."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta

import pytest
from attrs import frozen
from tests.redis_server import RedisServer, process_at, until_up

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.testing.queue import SHORT, QueueContract

pytestmark = pytest.mark.anyio


class TestQueue(QueueContract):
    """In this process, and by Redis from one process to another."""


@frozen
class FarQueue:
    """Announces in one process and waits in another."""

    _one: DeploymentQueue
    _other: DeploymentQueue

    async def announce(self, project_id: ProjectId, /) -> None:
        await self._one.announce(project_id)

    async def wait(self, timeout: timedelta, /) -> bool:
        return await self._other.wait(timeout)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis", marks=pytest.mark.needs("redis")),
        pytest.param("far", marks=pytest.mark.needs("redis")),
    ]
)
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[DeploymentQueue]:
    match request.param:
        case "memory":
            opened: AbstractAsyncContextManager[DeploymentQueue] = nullcontext(MemoryQueue())
        case "redis":
            opened = _near(request.getfixturevalue("shared_redis"))
        case _:
            opened = _far(request.getfixturevalue("shared_redis"))
    async with opened as queue:
        yield queue


@asynccontextmanager
async def _near(server: RedisServer) -> AsyncIterator[DeploymentQueue]:
    async with process_at(server.url) as process:
        await until_up(process)
        await _empty(process.queue)
        yield process.queue


@asynccontextmanager
async def _far(server: RedisServer) -> AsyncIterator[DeploymentQueue]:
    async with process_at(server.url) as one, process_at(server.url) as other:
        await until_up(one, other)
        await _empty(other.queue)
        yield FarQueue(one.queue, other.queue)


async def _empty(queue: DeploymentQueue) -> None:
    """Take the hints that processes are given when they begin."""
    while await queue.wait(SHORT):
        pass
