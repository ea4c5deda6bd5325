"""
Are queries as fast with a million deployments and ten million log lines as with a thousand?

The user who sends the queries owns a project with a thousand deployments. The small database has
only this user; the large database has a thousand such users. A page of deployments has 20 entries,
and a page of the log has 1,000 lines. To measure a claim, the benchmark queues a deployment, claims
it for a worker, and ends it. The benchmark calls the services directly on a database with data,
without HTTP. The PostgreSQL server has small buffers and no autovacuum, but its tables were
analyzed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from time import perf_counter

from attrs import frozen
from benchmarks.bulk import DEPLOYMENTS_PER_OWNER, FilledDatabase, fill
from benchmarks.databases import DATABASES, fail_claimed, open_database, open_instance
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate

from pushpaka_core.adapters.sql.storage import SqlStorage
from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.stored_objects import store

_TIMES = 50
"""Calls of each kind in a round."""
_FIGURES = {
    "get": "a deployment",
    "list": "a page of the list",
    "logs": "a page of a log",
    "claim": "a claim",
}


@frozen
class FilledInstance:
    """An instance on a filled database."""

    application: Application
    storage: SqlStorage
    filled_database: FilledDatabase

    async def figures(self, times: int) -> Figures:
        """Return the milliseconds per call of each kind."""
        asked = {"get": self._get, "list": self._page, "logs": self._lines, "claim": self._claim}
        figures = {}
        for name, ask in asked.items():
            begun = perf_counter()
            for _ in range(times):
                await ask()
            figures[name] = 1000 * (perf_counter() - begun) / times
        return figures

    @property
    def _actor(self) -> Actor:
        return Actor.from_user(self.filled_database.owner)

    async def _get(self) -> None:
        await self.application.deployments.get(self._actor, self.filled_database.deployment.id)

    async def _page(self) -> None:
        page = self.application.deployments.page
        await page(self._actor, DeploymentFilter(), limit=20, offset=0)

    async def _lines(self) -> None:
        await self.application.logs.lines(
            self._actor, self.filled_database.deployment.id, LogFilter()
        )

    async def _claim(self) -> None:
        await store(self.storage, a_deployment(self.filled_database.project))
        lease = await self.application.worker_services.pipeline.claim("worker")
        if lease is None:
            raise RuntimeError("Nothing was there to be claimed.")
        await fail_claimed(self.storage, lease)


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Query a small and a large database in turn, for each kind of database."""
    deployments, lines = (
        (2 * DEPLOYMENTS_PER_OWNER, 10 * DEPLOYMENTS_PER_OWNER)
        if run_options.is_quick
        else run_options.sizes
    )
    found: list[Comparison] = []
    for database in DATABASES:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            small = await enter(_full(database, DEPLOYMENTS_PER_OWNER, DEPLOYMENTS_PER_OWNER))
            large = await enter(_full(database, deployments, lines))
            times = run_options.amount(_TIMES, 3)
            at_small = f"at {DEPLOYMENTS_PER_OWNER:,}"
            turns = {OURS: partial(large.figures, times), at_small: partial(small.figures, times)}
            samples = await alternate(turns, run_options.rounds_of(7))
        found += [
            Comparison.of(
                samples,
                figure,
                what=f"{database}, {deployments:,} and {lines:,}: {label}",
                unit="ms",
                goal=Goal(ratio=1.3),
            )
            for figure, label in _FIGURES.items()
        ]
    return found


@asynccontextmanager
async def _full(database: str, deployments: int, lines: int) -> AsyncIterator[FilledInstance]:
    async with open_database(database) as url, open_instance(url) as (application, storage):
        yield FilledInstance(
            application, storage, await fill(url, all_deployments=deployments, lines=lines)
        )
