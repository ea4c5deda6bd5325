"""
Is it as fast with a million deployments and ten million lines of logs as with a thousand?

Each owner has a project with a thousand deployments, and so has the one who asks, both times: the
large database has a thousand such owners. A page of the list has 20, one of the log 1,000 lines.
Who claims takes one deployment that was queued just before, and ends it. What is asked are the
services on a storage that is full, without HTTP. The server of PostgreSQL has small buffers and
no vacuum of its own; it was told to analyze its tables.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from time import perf_counter

from attrs import frozen
from benchmarks.bulk import OF_EACH, Filled, fill
from benchmarks.databases import DATABASES, end, open_database, open_instance
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns

from pushpaka_core.adapters.sql.storage import SqlStorage
from pushpaka_core.application import Application
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_deployment

_TIMES = 50
"""That each is asked for in a round."""
_FIGURES = {
    "get": "a deployment",
    "list": "a page of the list",
    "logs": "a page of a log",
    "claim": "a claim",
}


@frozen
class Full:
    """An instance on a database that is full."""

    application: Application
    storage: SqlStorage
    filled: Filled

    async def figures(self, times: int) -> Figures:
        """Return the milliseconds that each takes."""
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
        return Actor.of(self.filled.owner)

    async def _get(self) -> None:
        await self.application.deployments.get(self._actor, self.filled.deployment.id)

    async def _page(self) -> None:
        page = self.application.deployments.page
        await page(self._actor, DeploymentFilter(), limit=20, offset=0)

    async def _lines(self) -> None:
        await self.application.logs.lines(self._actor, self.filled.deployment.id, LogFilter())

    async def _claim(self) -> None:
        await keep(self.storage, a_deployment(self.filled.project))
        lease = await self.application.engine.pipeline.claim("worker")
        if lease is None:
            raise RuntimeError("Nothing was there to be claimed.")
        await end(self.storage, lease)


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Ask a small and a large one by turns, on each database."""
    deployments, lines = (2 * OF_EACH, 10 * OF_EACH) if plan.is_quick else plan.sizes
    found: list[Comparison] = []
    for database in DATABASES:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            small = await enter(_full(database, OF_EACH, OF_EACH))
            large = await enter(_full(database, deployments, lines))
            times = plan.amount(_TIMES, 3)
            at_small = f"at {OF_EACH:,}"
            turns = {OURS: partial(large.figures, times), at_small: partial(small.figures, times)}
            samples = await by_turns(turns, plan.rounds_of(7))
        found += [
            Comparison.of(
                samples,
                figure,
                what=f"{database}, {deployments:,} and {lines:,}: {told}",
                unit="ms",
                goal=Goal(ratio=1.3),
            )
            for figure, told in _FIGURES.items()
        ]
    return found


@asynccontextmanager
async def _full(database: str, deployments: int, lines: int) -> AsyncIterator[Full]:
    async with open_database(database) as url, open_instance(url) as (application, storage):
        yield Full(application, storage, await fill(url, all_deployments=deployments, lines=lines))
