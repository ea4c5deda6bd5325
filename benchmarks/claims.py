"""
How many deployments per second do eight workers claim from the queue, each exactly once?

All workers use the same PostgreSQL from one process: procrastinate with one connection per worker,
Pushpaka with the six connections that a process has. 10,000 rows of 100 users are queued. Both
programs end each job at once with another transaction, as a failing worker would, so that the
number of jobs in progress stays constant. Pushpaka gives users fair shares, claims one deployment
at a time per target, and writes the timeline; procrastinate claims the oldest job with its SQL
function `fetch_job`.

To claim a deployment, Pushpaka runs a transaction that takes an advisory lock (so that shares are
exact), selects the next deployment, updates it and adds an event to its timeline. Ending the
deployment locks the project, and updates the project and the deployment. Together, the two
transactions need ten round trips, whereas procrastinate needs two auto-committed statements. The
cost of selecting the next deployment depends on the number of users with queued deployments, not on
the number of rows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

from anyio import create_task_group
from benchmarks.databases import fail_claimed, insert, open_database, open_instance
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, Turn, alternate
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job, Status

from pushpaka_core.adapters.sql.schema import deployments, projects, users
from pushpaka_core.container.application import Application
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_project

_WORKERS = 8
_USERS = 100
_ROWS = 10_000
_CLAIMS = 1000
"""Claims in each round, out of the queued rows."""


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Claim with both in turn on one server."""
    rows = run_options.amount(_ROWS, 300)
    most = run_options.amount(_CLAIMS, 50)
    async with (
        open_database("PostgreSQL") as ours,
        open_database("PostgreSQL") as theirs,
        _pushpaka(ours, rows, most) as pushpaka,
        _procrastinate(theirs, rows, most) as procrastinate,
    ):
        turns = {OURS: pushpaka, "procrastinate": procrastinate}
        samples = await alternate(turns, run_options.rounds_of(5))
    goal = Goal(ratio=1, is_minimum=True)
    what = f"{_WORKERS} workers, {rows:,} rows wait"
    return [Comparison.of(samples, "rate", what=what, unit="claims/s", goal=goal)]


async def _rate_of(claim: Callable[[int], Awaitable[object]], most: int) -> Figures:
    """Let all workers claim *most* jobs in total. *claim* returns the id of the claimed job."""
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
    lease = await application.worker_services.pipeline.claim(f"worker-{worker}")
    if lease is None:
        return None
    await fail_claimed(storage, lease)
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
