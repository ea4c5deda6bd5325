"""Two processes of one instance, each with its API, that share a database and Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from anyio import fail_after, sleep
from attrs import evolve, frozen
from litestar import Litestar
from tests.http.clients import REPO, speaking_to
from tests.redis_server import process_at
from tests.services.platform import FAST

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.redis.opening import RedisAdapters
from pushpaka_core.application import assemble
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.domain.timings import Timings
from pushpaka_core.parts import Adapters, Options
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits
from pushpaka_worker import open_worker

LONG = timedelta(hours=1)
ONLY_HINTS = evolve(FAST, poll=LONG, heartbeat=LONG, give_up=2 * LONG, silence=2 * LONG)
"""Only hints are quick enough for a test."""
COMMIT = MemoryCommit(sha="a" * 40, files={"Procfile": "web: ./serve\n"})


@frozen
class Process:
    """One process: its API, and what it has of Redis."""

    redis: RedisAdapters
    app: Litestar
    client: httpx.AsyncClient

    async def health(self) -> dict[str, Any]:
        """Return what it says of its health."""
        return dict((await self.client.get("/health")).json())

    async def until_redis_is(self, state: object) -> None:
        """Wait until it says so."""
        with fail_after(10):
            while (await self.health())["checks"]["redis"] is not state:
                await sleep(0.01)


@frozen
class TwoProcesses:
    """An instance whose first process answers people, and whose second also works."""

    api: Process
    worker: Process
    builder: MemoryBuilder
    runtime: MemoryRuntime

    async def until_joined(self) -> None:
        """Wait until the two hear each other."""
        for process in (self.api, self.worker):
            await process.until_redis_is(True)


@asynccontextmanager
async def open_two_processes(
    url: str, *, timings: Timings = ONLY_HINTS, limits: Limits | None = None
) -> AsyncIterator[TwoProcesses]:
    """Open an instance whose Redis is at *url*; it need not be there."""
    builder, runtime = MemoryBuilder(), MemoryRuntime()
    common = evolve(
        memory_adapters(),
        source=MemorySource(repositories={REPO: {"main": [COMMIT]}}),
        builder=builder,
        runtime=runtime,
    )
    options = Options(timings=timings)
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
async def _adapters(url: str, common: Adapters) -> AsyncIterator[tuple[Adapters, RedisAdapters]]:
    async with process_at(url, common.storage) as redis:
        yield (
            evolve(
                common,
                queue=redis.queue,
                events=redis.events,
                rate_counters=redis.rate_counters,
                redis_check=redis.connection.check,
            ),
            redis,
        )
