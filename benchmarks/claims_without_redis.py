"""
How soon do workers in other processes claim a deployment if there is no Redis?

Without Redis, nothing wakes a worker in another process: an idle worker polls the database every 2
s. A deployment therefore waits for the rest of that interval, and less if there are more workers.
Each deployment is queued at a random moment, and claimed by one of several workers, each with its
own connections to the same PostgreSQL. The wait is measured from the commit of the row to the end
of the claim. While there is a backlog, no worker is idle: each worker claims the next deployment as
soon as it has ended the previous one, with and without Redis.

The baseline is the same setup with a Redis that wakes one worker for each deployment. The goal for
idle workers compares the wait with the polling interval.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

from anyio import Event, sleep
from attrs import define, field
from benchmarks.databases import fail_claimed, open_database, open_instance
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, Samples, alternate
from tests.servers.redis import open_process_adapters, open_redis_server, wait_until_up

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.container.application import Application
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.stored_objects import store

_WORKERS = (4, 1)
_SINGLE = 20
"""Deployments of each round that are queued one by one."""
_BACKLOG = 200
"""Deployments of each round that are queued at once, each of another project."""
_INTERVAL = Timeouts().poll_interval.total_seconds()
_random = Random(1)  # noqa: S311 - the same moments in each run


@define
class _Instance:
    """The storage and the queue of an API, and the number of claims of its workers."""

    storage: Storage
    queue: DeploymentQueue
    projects: Sequence[Project]
    claims: int = field(default=0, init=False)
    _claimed: Event = field(factory=Event, init=False)

    def note_claim(self) -> None:
        """Count a claim."""
        self.claims += 1
        self._claimed.set()
        self._claimed = Event()

    async def seconds(self, projects: Sequence[Project]) -> float:
        """Queue a deployment of each project, and return the time until all are claimed."""
        wanted = self.claims + len(projects)
        await store(self.storage, *map(a_deployment, projects))
        begun = perf_counter()
        for project in projects:
            await self.queue.notify(project.id)
        while self.claims < wanted:
            await self._claimed.wait()
        return perf_counter() - begun

    async def round(self, single: int) -> Figures:
        """Queue deployments one by one at random moments, then all at once."""
        waits = []
        for _ in range(single):
            await sleep(_INTERVAL * _random.random())
            waits.append(1000 * await self.seconds(self.projects[:1]))
        twentieths = quantiles(waits, n=20, method="inclusive")
        rate = len(self.projects) / await self.seconds(self.projects)
        return {"p50": twentieths[9], "p95": twentieths[18], "rate": rate}


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Queue deployments for several workers and for one."""
    found: list[Comparison] = []
    single, backlog = run_options.amount(_SINGLE, 3), run_options.amount(_BACKLOG, 20)
    for workers in run_options.variants(_WORKERS):
        async with (
            _without_redis(workers, backlog) as without,
            _with_redis(workers, backlog) as with_redis,
        ):
            turns = {
                OURS: partial(without.round, single),
                "with Redis": partial(with_redis.round, single),
            }
            samples = await alternate(turns, run_options.rounds_of(5))
        found += _comparisons(f"{workers} workers" if workers > 1 else "1 worker", samples)
    return found


def _comparisons(workers: str, samples: Samples) -> Sequence[Comparison]:
    waits = {OURS: samples[OURS]["p95"], "the interval": [1000 * _INTERVAL]}
    goal = Goal(ratio=0.9, is_minimum=True)
    return [
        Comparison.of(samples, "p50", what=f"{workers}, idle: p50", unit="ms"),
        Comparison.of(samples, "p95", what=f"{workers}, idle: p95", unit="ms"),
        Comparison(what=f"{workers}, idle: p95", unit="ms", samples=waits, goal=Goal(ratio=1)),
        Comparison.of(samples, "rate", what=f"{workers}, backlog", unit="claims/s", goal=goal),
    ]


@asynccontextmanager
async def _without_redis(workers: int, backlog: int) -> AsyncIterator[_Instance]:
    queues = [MemoryQueue() for _ in range(workers + 1)]
    async with _open_instance(queues, backlog) as instance:
        yield instance


@asynccontextmanager
async def _with_redis(workers: int, backlog: int) -> AsyncIterator[_Instance]:
    instance_id = uuid4()
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="pushpaka-bench-"))
        server = stack.enter_context(open_redis_server(Path(directory)))
        server.start()
        processes = [
            await stack.enter_async_context(
                open_process_adapters(server.url, instance_id=instance_id)
            )
            for _ in range(workers + 1)
        ]
        await wait_until_up(*processes)
        queues = [process.queue for process in processes]
        yield await stack.enter_async_context(_open_instance(queues, backlog))


@asynccontextmanager
async def _open_instance(
    queues: Sequence[DeploymentQueue], backlog: int
) -> AsyncIterator[_Instance]:
    """Start a worker for each of the *queues* but the first, which is that of the API."""
    owner = a_user()
    projects = [a_project(owner) for _ in range(backlog)]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = await enter(open_database("PostgreSQL"))
        _, storage = await enter(open_instance(url))
        await store(storage, owner, *projects)
        instance = _Instance(storage, queues[0], projects)
        for number, queue in enumerate(queues[1:]):
            application, own_storage = await enter(open_instance(url))
            work = partial(_work, application, own_storage, queue, instance, f"worker-{number}")
            await enter(background_task(work))
        yield instance


async def _work(
    application: Application,
    storage: Storage,
    queue: DeploymentQueue,
    instance: _Instance,
    name: str,
) -> None:
    """Claim as a worker does, and end each deployment at once."""
    while True:
        lease = await application.worker_services.pipeline.claim(name)
        if lease is None:
            await queue.wait(Timeouts().poll_interval)
            continue
        instance.note_claim()
        await fail_claimed(storage, lease)
