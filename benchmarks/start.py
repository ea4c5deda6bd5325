"""
How soon after its row is committed does an idle worker start a deployment?

Each job is queued when the previous job has begun. All programs use one Redis without persistence.
The sender and the worker are in the same process, on separate connections. Pushpaka stores the row
in SQLite, and wakes the worker with a message over Redis. The worker then claims the row in a
transaction. "In one process" uses no Redis. In SAQ and arq, Redis stores the job itself. The time
of SAQ and arq is measured from the enqueueing call to the start of the function, with their default
settings; arq polls every half second. The version of arq is the last one that works with the same
Redis client as SAQ and Pushpaka.

Why they differ: SAQ passes a job through Redis's memory. Pushpaka claims a deployment in a
transaction on disk: of about 1 ms, the synced commit takes 0.25 ms, three statements in SQLite's
thread take 0.5 ms, and acquiring and releasing a connection takes the rest. `synchronous=NORMAL`
would avoid the sync, but after a power failure, two claims could get the same fencing token, the
number that makes writes of a former worker fail.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

from anyio import Event, create_task_group
from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func
from attrs import define, field
from benchmarks.databases import fail_claimed, open_database, open_instance
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, Turn, alternate
from redis.asyncio import ConnectionPool, Redis
from saq.queue.redis import RedisQueue as SaqQueue
from saq.worker import Worker as SaqWorker
from tests.servers.redis import open_process_adapters, open_redis_server, wait_until_up

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.container.application import Application
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.stored_objects import store, store_project

_JOBS = 100
"""Jobs in each round."""
_ALONE = "Pushpaka in one process"


@define
class StartRecorder:
    """Measures when a job begins."""

    _event: Event = field(factory=Event)
    _at: float = 0

    def note(self) -> None:
        """Record that the job begins now."""
        self._at = perf_counter()
        self._event.set()

    async def job(self, _: object) -> None:
        """Record that the job begins now. This is the function that workers of SAQ and arq call."""
        self.note()

    async def wait_after(self, ask: Callable[[], Awaitable[object]]) -> float:
        """Request a job with *ask*, and return the milliseconds until it begins."""
        asked_at = perf_counter()
        await ask()
        await self._event.wait()
        self._event = Event()
        return 1000 * (self._at - asked_at)


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Request one job after the other, from each contestant in turn."""
    jobs = run_options.amount(_JOBS, 3)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        directory = stack.enter_context(TemporaryDirectory(prefix="pushpaka-bench-"))
        server = stack.enter_context(open_redis_server(Path(directory)))
        server.start()
        asks = {
            OURS: await enter(_ours_by_redis(server.url)),
            _ALONE: await enter(_ours_alone()),
            "SAQ": await enter(_saq(server.url)),
            "arq": await enter(_arq(server.url)),
        }
        turns: dict[str, Turn] = {name: partial(_round, ask, jobs) for name, ask in asks.items()}
        samples = await alternate(turns, run_options.rounds_of(5))
    by_redis = {name: figures for name, figures in samples.items() if name != _ALONE}
    alone = {OURS: samples[_ALONE], "SAQ": samples["SAQ"], "arq": samples["arq"]}
    return [
        Comparison.of(which, figure, what=f"{where}, {figure}", unit="ms", goal=Goal(ratio=1))
        for where, which in (("by Redis", by_redis), ("in one process", alone))
        for figure in ("p50", "p95")
    ]


async def _round(ask: Callable[[], Awaitable[float]], jobs: int) -> Figures:
    waits = [await ask() for _ in range(jobs)]
    twentieths = quantiles(waits, n=20, method="inclusive")
    return {"p50": twentieths[9], "p95": twentieths[18]}


@asynccontextmanager
async def _ours_by_redis(url: str) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    instance_id = uuid4()
    async with (
        open_process_adapters(url, instance_id=instance_id) as api,
        open_process_adapters(url, instance_id=instance_id) as worker,
    ):
        await wait_until_up(api, worker)
        async with _ours(api.queue, worker.queue) as ask:
            yield ask


@asynccontextmanager
async def _ours_alone() -> AsyncIterator[Callable[[], Awaitable[float]]]:
    queue = MemoryQueue()
    async with _ours(queue, queue) as ask:
        yield ask


@asynccontextmanager
async def _ours(
    near: DeploymentQueue, far: DeploymentQueue
) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    start_recorder = StartRecorder()
    async with open_database("SQLite") as url, open_instance(url) as (application, storage):
        project = await store_project(storage)
        async with background_task(partial(_work, application, storage, far, start_recorder)):
            yield partial(_ask_ours, storage, near, project, start_recorder)


async def _ask_ours(
    storage: Storage, queue: DeploymentQueue, project: Project, start_recorder: StartRecorder
) -> float:
    await store(storage, a_deployment(project))
    return await start_recorder.wait_after(partial(queue.notify, project.id))


async def _work(
    application: Application,
    storage: Storage,
    queue: DeploymentQueue,
    start_recorder: StartRecorder,
) -> None:
    """Claim as a worker does, and end each deployment at once."""
    while True:
        lease = await application.worker_services.pipeline.claim("worker")
        if lease is None:
            await queue.wait(Timeouts().poll_interval)
            continue
        start_recorder.note()
        await fail_claimed(storage, lease)


@asynccontextmanager
async def _saq(url: str) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    start_recorder = StartRecorder()
    near, far = (SaqQueue(Redis.from_url(url), name="deployments") for _ in range(2))
    worker = SaqWorker(far, functions=[("deploy", start_recorder.job)])
    await near.connect()
    async with create_task_group() as tasks:
        tasks.start_soon(worker.start)
        yield partial(start_recorder.wait_after, partial(near.enqueue, "deploy"))
        await worker.stop()
    await near.disconnect()


@asynccontextmanager
async def _arq(url: str) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    start_recorder = StartRecorder()
    near, far = (ArqRedis(ConnectionPool.from_url(url)) for _ in range(2))
    worker = ArqWorker(
        [func(start_recorder.job, name="deploy")], redis_pool=far, handle_signals=False
    )
    async with create_task_group() as tasks:
        tasks.start_soon(worker.async_run)
        yield partial(start_recorder.wait_after, partial(near.enqueue_job, "deploy"))
        tasks.cancel_scope.cancel()
    await near.aclose()
