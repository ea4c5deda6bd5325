"""
How long does a deployment wait that could begin at once: from the commit of its row to its worker?

Each is asked for when the one before has begun, on one Redis without persistence, with both ends
in this process on connections of their own. Ours has the row in SQLite, and Redis carries a hint
only, after which the worker claims it by a transaction; "in one process" there is no Redis. In
SAQ and arq, Redis keeps the job itself: from the call that enqueues to the function that begins,
with their own settings, of which arq's looks every half a second. arq is the last version that
takes the same client of Redis as the others.

What differs: SAQ hands over a job in the memory of Redis. Ours claims it by a transaction on disk:
of about 1 ms, 0.25 are the synced commit, 0.5 three statements in SQLite's thread, and the rest
beginning and giving back a connection. `synchronous=NORMAL` would save the first, and could give a
fence out twice after a loss of power.
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
from benchmarks.databases import end, open_database, open_instance
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, Turn, by_turns
from redis.asyncio import ConnectionPool, Redis
from saq.queue.redis import RedisQueue as SaqQueue
from saq.worker import Worker as SaqWorker
from tests.redis_server import open_redis_server, process_at, until_up

from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.application import Application
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.timings import Timings
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.background import alongside
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_deployment

_JOBS = 100
"""In each round."""
_ALONE = "Pushpaka in one process"


@define
class Begun:
    """Tells who has asked for a job when it began."""

    _event: Event = field(factory=Event)
    _at: float = 0

    def note(self) -> None:
        """Note that it begins now."""
        self._at = perf_counter()
        self._event.set()

    async def job(self, _: object) -> None:
        """Note that it begins now, as the function that a worker of others calls."""
        self.note()

    async def after(self, ask: Callable[[], Awaitable[object]]) -> float:
        """Ask for a job, and return the milliseconds from then on, once it has begun."""
        asked_at = perf_counter()
        await ask()
        await self._event.wait()
        self._event = Event()
        return 1000 * (self._at - asked_at)


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Ask for one job after the other, of each by turns."""
    jobs = plan.amount(_JOBS, 3)
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
        samples = await by_turns(turns, plan.rounds_of(5))
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
        process_at(url, instance_id=instance_id) as api,
        process_at(url, instance_id=instance_id) as worker,
    ):
        await until_up(api, worker)
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
    begun = Begun()
    async with open_database("SQLite") as url, open_instance(url) as (application, storage):
        project = await keep_project(storage)
        async with alongside(partial(_work, application, storage, far, begun)):
            yield partial(_ask_ours, storage, near, project, begun)


async def _ask_ours(
    storage: Storage, queue: DeploymentQueue, project: Project, begun: Begun
) -> float:
    await keep(storage, a_deployment(project))
    return await begun.after(partial(queue.announce, project.id))


async def _work(
    application: Application, storage: Storage, queue: DeploymentQueue, begun: Begun
) -> None:
    """Claim as a worker does, and be done with it at once."""
    while True:
        lease = await application.engine.pipeline.claim("worker")
        if lease is None:
            await queue.wait(Timings().poll)
            continue
        begun.note()
        await end(storage, lease)


@asynccontextmanager
async def _saq(url: str) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    begun = Begun()
    near, far = (SaqQueue(Redis.from_url(url), name="deployments") for _ in range(2))
    worker = SaqWorker(far, functions=[("deploy", begun.job)])
    await near.connect()
    async with create_task_group() as tasks:
        tasks.start_soon(worker.start)
        yield partial(begun.after, partial(near.enqueue, "deploy"))
        await worker.stop()
    await near.disconnect()


@asynccontextmanager
async def _arq(url: str) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    begun = Begun()
    near, far = (ArqRedis(ConnectionPool.from_url(url)) for _ in range(2))
    worker = ArqWorker([func(begun.job, name="deploy")], redis_pool=far, handle_signals=False)
    async with create_task_group() as tasks:
        tasks.start_soon(worker.async_run)
        yield partial(begun.after, partial(near.enqueue_job, "deploy"))
        tasks.cancel_scope.cancel()
    await near.aclose()
