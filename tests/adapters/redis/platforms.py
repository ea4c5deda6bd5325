"""Two processes of one instance, each with its own API, that share a database and Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from anyio import fail_after, sleep
from attrs import evolve, frozen
from litestar import Litestar
from tests.http.clients import REPO, speaking_to
from tests.platform_fixtures import FAST
from tests.servers.redis import open_process_adapters

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.redis.redis_adapters import RedisAdapters
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_worker import open_worker

LONG = timedelta(hours=1)
ONLY_HINTS = evolve(
    FAST,
    poll_interval=LONG,
    heartbeat_interval=LONG,
    heartbeat_timeout=2 * LONG,
    lease_timeout=2 * LONG,
)
"""Timings with such slow polling that only hints can start work within the time of a test."""
COMMIT = MemoryCommit(sha="a" * 40, files={"Procfile": "web: ./serve\n"})


@frozen
class Process:
    """A process with its API and its Redis adapters."""

    redis: RedisAdapters
    app: Litestar
    client: httpx.AsyncClient

    async def health(self) -> dict[str, Any]:
        """Return the health of the process."""
        return dict((await self.client.get("/health")).json())

    async def wait_until_redis_is(self, state: object) -> None:
        """Wait until the health check of Redis has the status *state*."""
        with fail_after(60):
            while (await self.health())["checks"]["redis"] is not state:
                await sleep(0.01)


@frozen
class TwoProcesses:
    """An instance of two processes. Both serve the API, and the second one also deploys."""

    api: Process
    worker: Process
    builder: MemoryBuilder
    runtime: MemoryRuntime

    async def wait_until_connected(self) -> None:
        """Wait until both processes are connected."""
        for process in (self.api, self.worker):
            await process.wait_until_redis_is(True)


@asynccontextmanager
async def open_two_processes(
    url: str, *, timeouts: Timeouts = ONLY_HINTS, limits: Limits | None = None
) -> AsyncIterator[TwoProcesses]:
    """Open an instance whose Redis is at *url*. The server does not have to run yet."""
    builder, runtime = MemoryBuilder(), MemoryRuntime()
    common = evolve(
        memory_adapters(),
        source=MemorySource(repositories={REPO: {"main": [COMMIT]}}),
        builder=builder,
        runtime=runtime,
    )
    options = Options(timeouts=timeouts)
    async with (
        _adapters(url, common) as (one, one_redis),
        _adapters(url, common) as (other, other_redis),
    ):
        applications = assemble(one, options), assemble(other, options)
        apps = [create_app(application, limits=limits) for application in applications]
        async with (
            speaking_to(apps[0]) as client,
            speaking_to(apps[1]) as other_client,
            open_worker(applications[1]),
        ):
            yield TwoProcesses(
                Process(one_redis, apps[0], client),
                Process(other_redis, apps[1], other_client),
                builder,
                runtime,
            )


@asynccontextmanager
async def _adapters(
    url: str, shared_adapters: Adapters
) -> AsyncIterator[tuple[Adapters, RedisAdapters]]:
    async with open_process_adapters(url, shared_adapters.storage) as redis:
        yield (
            evolve(
                shared_adapters,
                queue=redis.queue,
                events=redis.events,
                rate_counters=redis.rate_counters,
                redis_check=redis.connection.check,
            ),
            redis,
        )
