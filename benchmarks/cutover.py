"""Is a request lost while versions come and go, processes die, and neighbours are deployed?"""

from collections.abc import Sequence
from pathlib import Path

from anyio import Path as AsyncPath
from anyio import create_task_group
from attrs import define, field, frozen
from benchmarks.load import Load
from benchmarks.tables import table
from tests.acceptance.apps import edit, program, repository_of
from tests.acceptance.connections import LONG_LIVED, Browser
from tests.acceptance.people import Json, Person

from pushpaka_core.testing.repositories import Repository

_AT_REST = 300
"""Quick answers to compare with."""
_BEFORE_A_RESTART = 10
"""Deployments of a project that the API takes within a minute; a new process counts anew."""
_COLUMNS = ("Meanwhile", "Requests", "Failed", "Lost in a killed one", "p50", "p99", "Longest")


@frozen(kw_only=True)
class Cutover:
    """What was done to an application under load, and what its visitors saw."""

    load: Load
    neighbours: Sequence[str | None]
    """How a WebSocket and a download ended that a neighbour kept open; None where they flow on."""
    longest_switch: float
    """Seconds that the longest switch of routes took, or 0 without any."""

    @property
    def table(self) -> str:
        """Show it as Markdown."""
        open_ones = ", ".join(end or "open" for end in self.neighbours)
        switch = f"{1000 * self.longest_switch:.0f} ms"
        told = (
            f"{self.load.rate:.0f} requests a second. Longest switch: {switch}. WebSocket and"
            f" download of a neighbour: {open_ones}."
        )
        return f"{table(_COLUMNS, map(self._row, self.load.stages))}\n\n{told}"

    def _row(self, stage: str) -> tuple[str, ...]:
        tally = self.load.tally(stage)
        counts = (tally.requests, tally.failed, tally.lost)
        times = (tally.median, tally.p99, tally.longest)
        return (stage, *map(str, counts), *(f"{1000 * seconds:.0f} ms" for seconds in times))


async def cut_over(
    person: Person,
    repositories: Path,
    *,
    readers: int = 2,
    deployments: int,
    rollbacks: int,
    kills: int,
) -> Cutover:
    """
    Deploy, roll back and kill an application of two replicas under load; deploy a neighbour.

    Another neighbour has a WebSocket and a download open all the while. What is deployed more
    often than the API takes it within a minute is so over a restart of the platform.
    """
    files = {
        name: repository_of(repositories / name, program(LONG_LIVED))
        for name in ("shop", "blog", "news")
    }
    shop, blog, news = [
        await person.project(files[name].path, name, replicas=replicas)
        for name, replicas in (("shop", 2), ("blog", 1), ("news", 1))
    ]
    first, *_ = [await person.deploy(project) for project in (shop, blog, news)]
    stage = _Stage(person, shop, files["shop"], [first])
    async with create_task_group() as tasks, Load.on(person, shop, readers=readers) as load:
        open_ones = await Browser(person, tasks).connect(blog, AsyncPath(repositories / "never"))
        await load.more(_AT_REST)
        load.stage = "deployments"
        for _ in range(deployments):
            await stage.deploy()
        load.stage = "rollbacks"
        for _ in range(rollbacks):
            await stage.roll_back()
        load.stage = "a neighbour's deployment"
        await person.deploy(news)
        load.stage = "killed replicas"
        for _ in range(kills):
            await load.kill_one()
        flow = [await connection.flows() for connection in open_ones]
        ends = [None if flows else c.end for flows, c in zip(flow, open_ones, strict=True)]
        tasks.cancel_scope.cancel()
    return Cutover(load=load, neighbours=ends, longest_switch=stage.longest_switch)


@define
class _Stage:
    """An application whose versions come and go."""

    _person: Person
    _project: Json
    _repository: Repository
    _versions: list[Json]
    """What was deployed, and last what serves."""
    _asked: int = field(default=1, init=False)
    longest_switch: float = field(default=0.0, init=False)

    async def deploy(self) -> None:
        """Replace it by the next version."""
        await self._make_room()
        number = len(self._versions)
        edit(self._repository, "app.py", f'"v{number}"', f'"v{number + 1}"')
        deployment = await self._person.deploy(self._project)
        self._versions.append(deployment)
        await self._measure(deployment)

    async def roll_back(self) -> None:
        """Replace it by the version that was deployed before the one that serves."""
        await self._make_room()
        *_, before, last = self._versions
        self._versions[-2:] = [last, before]
        await self._measure(await self._person.roll_back(before))

    async def _make_room(self) -> None:
        self._asked += 1
        if self._asked > _BEFORE_A_RESTART:
            self._asked = 1
            await self._person.served.stop()
            await self._person.served.start()

    async def _measure(self, deployment: Json) -> None:
        timeline = await self._person.timeline(deployment)
        lasted = [step["duration_ms"] or 0 for step in timeline if step["phase"] == "switch"]
        self.longest_switch = max(self.longest_switch, *(each / 1000 for each in lasted))
