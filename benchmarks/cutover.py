"""
Is a request lost while versions come and go, processes die, and neighbours are deployed?

The same visitors ask all the while: at rest is before anything was done. Their own work and that
of the builds are done by the same processors as what they ask.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from anyio import Path as AsyncPath
from anyio import create_task_group
from attrs import define, field, frozen
from benchmarks.load import Load
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Goal
from tests.acceptance.apps import edit, program, repository_of
from tests.acceptance.connections import LONG_LIVED, Browser
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.served import open_served
from tests.swarm.machines import open_swarm

from pushpaka_core.testing.repositories import Repository

_AT_REST = 300
"""Quick answers to compare with."""
_BEFORE_A_RESTART = 10
"""Deployments of a project that the API takes within a minute; a new process counts anew."""
_STAGES = ("deployments", "rollbacks", "a neighbour's deployment", "killed replicas")


@frozen(kw_only=True)
class Cutover:
    """What was done to an application under load, and what its visitors saw."""

    load: Load
    neighbours: Sequence[str | None]
    """How a WebSocket and a download ended that a neighbour kept open; None where they flow on."""
    longest_switch: float
    """Seconds that the longest switch of routes took, or 0 without any."""

    def comparisons(self, runtime: str) -> Sequence[Comparison]:
        """Show what its visitors met in each stage beside what they meet at rest."""
        tallies = {stage: self.load.tally(stage) for stage in self.load.stages}
        at_rest = [1000 * tallies["at rest"].p99]
        slowest = [
            Comparison(
                what=f"{runtime}: p99 over {stage}, {tally.requests} requests"
                f" at {self.load.rate:.0f} a second, {tally.failed} failed"
                f" and {tally.lost} lost in a killed one",
                unit="ms",
                samples={OURS: [1000 * tally.p99], "at rest": at_rest},
                goal=Goal(ratio=2) if stage in _STAGES[:2] else None,
            )
            for stage, tally in tallies.items()
            if stage in _STAGES
        ]
        switch = {OURS: [1000 * self.longest_switch], "at rest": at_rest}
        return [*slowest, Comparison(what=f"{runtime}: longest switch", unit="ms", samples=switch)]


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Cut over on each runtime that was asked for; a failed request fails the run."""
    found: list[Comparison] = []
    times = plan.amount(20, 1)
    for runtime in plan.few(plan.runtimes):
        with _settings_of(runtime) as given:
            settings = {**OWN_ADDRESSES, **given, "PUSHPAKA_DRAIN_TIMEOUT": "5"}
            async with (
                open_served(**settings) as served,
                Person.signed_up(await served.start()) as ann,
            ):
                cutover = await cut_over(
                    ann,
                    served.repositories,
                    readers=plan.readers,
                    deployments=times,
                    rollbacks=times,
                    kills=plan.amount(8, 0),
                )
        found += cutover.comparisons(runtime)
        if cutover.load.failures:
            raise RuntimeError(f"{runtime}: {cutover.load.failures}")
    return found


@contextmanager
def _settings_of(runtime: str) -> Iterator[Mapping[str, str]]:
    """Make what a runtime needs; a Swarm is of two machines that are both this one."""
    if runtime != "swarm":
        yield {"PUSHPAKA_RUNTIME": runtime}
        return
    with open_swarm() as swarm:
        swarm.load("python:3.13-slim")
        yield swarm.settings


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
