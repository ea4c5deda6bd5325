"""
Are requests lost during deployments, rollbacks, kills of processes and deployments of other
projects?

The same visitors send requests all the time. "At rest" is before the first deployment. The visitors
and the builds use the same processors as the application.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from anyio import Path as AsyncPath
from anyio import create_task_group
from attrs import define, field, frozen
from benchmarks.load import Load
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Goal
from tests.acceptance.tools.apps import edit, program, repository_of
from tests.acceptance.tools.connections import LONG_LIVED, Browser
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.served_instance import open_served
from tests.swarm.machines import open_swarm

from pushpaka_core.testing.repositories import Repository

_AT_REST = 300
"""Number of quick responses at rest."""
_BEFORE_A_RESTART = 10
"""Deployments of a project that the API accepts within a minute. A restart resets the limit."""
_STAGES = ("deployments", "rollbacks", "a neighbour's deployment", "killed replicas")


@frozen(kw_only=True)
class CutoverResult:
    """The requests to an application under load during each stage."""

    load: Load
    neighbours: Sequence[str | None]
    """How a WebSocket and a download to another project ended. None if they are still open."""
    longest_switch: float
    """Seconds of the longest route switch, or 0 without any."""

    def comparisons(self, runtime: str) -> Sequence[Comparison]:
        """Compare the latency in each stage with that at rest."""
        tallies = {stage: self.load.summary(stage) for stage in self.load.stages}
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


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Measure each chosen runtime. Raise RuntimeError if a request fails."""
    found: list[Comparison] = []
    times = run_options.amount(20, 1)
    for runtime in run_options.variants(run_options.runtimes):
        with _settings_of(runtime) as given:
            settings = {**OWN_ADDRESSES, **given, "PUSHPAKA_DRAIN_TIMEOUT": "5"}
            async with (
                open_served(**settings) as served,
                Person.sign_up(await served.start()) as ann,
            ):
                cutover = await cut_over(
                    ann,
                    served.repositories,
                    readers=run_options.readers,
                    deployments=times,
                    rollbacks=times,
                    kills=run_options.amount(8, 0),
                )
        found += cutover.comparisons(runtime)
        if cutover.load.failures:
            raise RuntimeError(f"{runtime}: {cutover.load.failures}")
    return found


@contextmanager
def _settings_of(runtime: str) -> Iterator[Mapping[str, str]]:
    """Yield the settings for a runtime. A Swarm has two nodes on this machine."""
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
) -> CutoverResult:
    """
    Deploy, roll back and kill an application with two replicas under load, then deploy another one.

    A third application has a WebSocket and a download open all the time. The platform is restarted
    before the number of deployments exceeds the rate limit.
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
    versioned_application = VersionedApplication(person, shop, files["shop"], [first])
    async with create_task_group() as tasks, Load.on(person, shop, readers=readers) as load:
        open_ones = await Browser(person, tasks).connect(blog, AsyncPath(repositories / "never"))
        await load.wait_for_responses(_AT_REST)
        load.stage = "deployments"
        for _ in range(deployments):
            await versioned_application.deploy()
        load.stage = "rollbacks"
        for _ in range(rollbacks):
            await versioned_application.roll_back()
        load.stage = "a neighbour's deployment"
        await person.deploy(news)
        load.stage = "killed replicas"
        for _ in range(kills):
            await load.kill_one()
        flow = [await connection.wait_for_data() for connection in open_ones]
        ends = [None if flows else c.end for flows, c in zip(flow, open_ones, strict=True)]
        tasks.cancel_scope.cancel()
    return CutoverResult(
        load=load, neighbours=ends, longest_switch=versioned_application.longest_switch
    )


@define
class VersionedApplication:
    """An application whose versions are replaced."""

    _person: Person
    _project: Json
    _repository: Repository
    _versions: list[Json]
    """The deployments. The last one is active."""
    _asked: int = field(default=1, init=False)
    longest_switch: float = field(default=0.0, init=False)

    async def deploy(self) -> None:
        """Deploy the next version."""
        await self._make_room()
        number = len(self._versions)
        edit(self._repository, "app.py", f'"v{number}"', f'"v{number + 1}"')
        deployment = await self._person.deploy(self._project)
        self._versions.append(deployment)
        await self._measure(deployment)

    async def roll_back(self) -> None:
        """Roll back to the previous version."""
        await self._make_room()
        *_, before, last = self._versions
        self._versions[-2:] = [last, before]
        await self._measure(await self._person.roll_back(before))

    async def _make_room(self) -> None:
        self._asked += 1
        if self._asked > _BEFORE_A_RESTART:
            self._asked = 1
            await self._person.served_instance.stop()
            await self._person.served_instance.start()

    async def _measure(self, deployment: Json) -> None:
        timeline = await self._person.timeline(deployment)
        lasted = [step["duration_ms"] or 0 for step in timeline if step["phase"] == "switch"]
        self.longest_switch = max(self.longest_switch, *(each / 1000 for each in lasted))
