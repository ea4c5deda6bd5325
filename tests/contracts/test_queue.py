"""Tests every adapter against the contract of the port `DeploymentQueue`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta

import pytest
from attrs import frozen
from tests.servers.redis import RedisServer, open_process_adapters, wait_until_up

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.testing.queue import SHORT, QueueContract

pytestmark = pytest.mark.anyio


class TestDeploymentQueue(QueueContract):
    """Runs the contract in memory, and with Redis in one process and across two processes."""


@frozen
class TwoProcessQueue:
    """A queue that notifies in one process and waits in another."""

    _one: DeploymentQueue
    _other: DeploymentQueue

    async def notify(self, project_id: ProjectId, /) -> None:
        await self._one.notify(project_id)

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
            opened = _open_local_queue(request.getfixturevalue("shared_redis"))
        case _:
            opened = _open_remote_queue(request.getfixturevalue("shared_redis"))
    async with opened as queue:
        yield queue


@asynccontextmanager
async def _open_local_queue(server: RedisServer) -> AsyncIterator[DeploymentQueue]:
    async with open_process_adapters(server.url) as process:
        await wait_until_up(process)
        await _drain(process.queue)
        yield process.queue


@asynccontextmanager
async def _open_remote_queue(server: RedisServer) -> AsyncIterator[DeploymentQueue]:
    async with open_process_adapters(server.url) as one, open_process_adapters(server.url) as other:
        await wait_until_up(one, other)
        await _drain(other.queue)
        yield TwoProcessQueue(one.queue, other.queue)


async def _drain(queue: DeploymentQueue) -> None:
    """Consume the hints that processes get when they start."""
    while await queue.wait(SHORT):
        pass
