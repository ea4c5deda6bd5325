"""
How many deployments do eight workers take into their hands in a second, none of them twice?

All ask the same PostgreSQL from one process, procrastinate's on a connection each, ours on the six
that a process has; 10,000 rows of 100 users wait. Both sides end each job at once by one more
transaction, as a worker that fails would: else ever more are in work. Ours gives the next one by
fair shares of users and one at a time for each target, and writes the timeline; procrastinate
gives the oldest by its own SQL function `fetch_job`.

A claim of ours is a transaction that takes its turn, so that shares are exact, finds who is next,
writes and tells the timeline; its end locks the project and writes: ten round trips, where
procrastinate has two statements that commit by themselves. To find who is next costs by how many
users wait, not by how many rows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

from anyio import create_task_group
from benchmarks.databases import end, insert, open_database, open_instance
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, Turn, by_turns
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job, Status

from pushpaka_core.adapters.sql.schema import deployments, projects, users
from pushpaka_core.application import Application
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.objects import a_deployment, a_project, a_user

_WORKERS = 8
_USERS = 100
_ROWS = 10_000
_CLAIMS = 1000
"""In each round, of the rows that wait."""


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Claim by turns on one server."""
    rows = plan.amount(_ROWS, 300)
    most = plan.amount(_CLAIMS, 50)
    async with (
        open_database("PostgreSQL") as ours,
        open_database("PostgreSQL") as theirs,
        _pushpaka(ours, rows, most) as pushpaka,
        _procrastinate(theirs, rows, most) as procrastinate,
    ):
        turns = {OURS: pushpaka, "procrastinate": procrastinate}
        samples = await by_turns(turns, plan.rounds_of(5))
    goal = Goal(ratio=1, is_least=True)
    what = f"{_WORKERS} workers, {rows:,} rows wait"
    return [Comparison.of(samples, "rate", what=what, unit="claims/s", goal=goal)]


async def _rate_of(claim: Callable[[int], Awaitable[object]], most: int) -> Figures:
    """Let all workers claim *most* together; what is claimed says what it is."""
    claimed: list[object] = []

    async def work(worker: int) -> None:
        while len(claimed) < most:
            claimed.append(await claim(worker))

    begun = perf_counter()
    async with create_task_group() as workers:
        for worker in range(_WORKERS):
            workers.start_soon(work, worker)
    lasted = perf_counter() - begun
    if None in claimed or len(set(claimed)) != len(claimed):
        raise RuntimeError("A claim found nothing, or what another one had found.")
    return {"rate": len(claimed) / lasted}


@asynccontextmanager
async def _pushpaka(url: str, rows: int, most: int) -> AsyncIterator[Turn]:
    async with open_instance(url) as (application, storage):
        owners = [a_user() for _ in range(_USERS)]
        homes = [a_project(owners[number % _USERS]) for number in range(rows)]
        await insert(url, users, owners)
        await insert(url, projects, homes)
        await insert(url, deployments, [a_deployment(project) for project in homes])
        yield partial(_rate_of, partial(_claim_ours, application, storage), most)


async def _claim_ours(application: Application, storage: Storage, worker: int) -> object:
    lease = await application.engine.pipeline.claim(f"worker-{worker}")
    if lease is None:
        return None
    await end(storage, lease)
    return lease.deployment_id


@asynccontextmanager
async def _procrastinate(url: str, rows: int, most: int) -> AsyncIterator[Turn]:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=_WORKERS, max_size=_WORKERS))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        jobs = [
            Job(id=None, queue="deployments", task_name="deploy", lock=None, queueing_lock=None)
            for _ in range(rows)
        ]
        await app.job_manager.batch_defer_jobs_async(jobs)
        workers = [await app.job_manager.register_worker() for _ in range(_WORKERS)]

        async def claim(worker: int) -> object:
            job = await app.job_manager.fetch_job(None, workers[worker])
            if job is None or job.id is None:
                return None
            await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=False)
            return job.id

        yield partial(_rate_of, claim, most)
