"""
Does memory stay flat over an hour of constant work?

An instance in one program on SQLite, and one whose API and worker are programs of their own on
PostgreSQL and Redis, both on the process runtime and both at work all the while. Once a minute
somebody signs up, makes a project, deploys it twice while they watch its log, rolls back and
deletes it. All the while somebody else looks at lists, logs, timelines and metrics, prints lines
and sees them come, three times in two seconds. What each program has is looked at every ten
seconds: the median of the second half is held against that of the first half without its first
fifth. Growth is the slope of a straight line through the second half. Tasks are those of asyncio,
blocks what Python has asked for and not given back.
"""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory

import psutil
from anyio import create_task_group, current_time, move_on_after, sleep_until
from attrs import define, field, frozen
from benchmarks.counted import COUNTED
from benchmarks.databases import open_database
from benchmarks.deploying import UNLIMITED
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.redis_server import open_redis_server
from tests.served import Served, open_served

from pushpaka_core.testing.repositories import Repository

_PROGRAM = (sys.executable, "-P", str(Path(__file__).with_name("counted.py")))
_A_LIFE, _A_LOOK, _A_SAMPLE = 60.0, 0.67, 10.0
"""Seconds from one to the next."""
_QUICK_SECONDS = 25
_FLAT = Goal(ratio=1.05)
_FIGURES = {"memory": "MB", "blocks": "", "tasks": "", "files": "", "threads": ""}
_numbers = count(1)


@define
class Watched:
    """An instance at work, and what its programs had at each look."""

    name: str
    served: Served
    pids: Mapping[str, int]
    times: list[float] = field(factory=list, init=False)
    seen: list[Mapping[str, Figures]] = field(factory=list, init=False)
    """Of each look, by program."""

    async def look(self) -> None:
        """See what each program has now."""
        self.times.append(current_time())
        self.seen.append({name: self._of(pid) for name, pid in self.pids.items()})

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Hold the second half against the first one."""
        return [
            self._comparison(program, figure, unit)
            for program in self.pids
            for figure, unit in _FIGURES.items()
        ]

    def _of(self, pid: int) -> Figures:
        process = psutil.Process(pid)
        told = json.loads((self.served.directory / str(pid)).read_text())
        return {
            **told,
            "memory": process.memory_info().rss / 1_000_000,
            "files": process.num_fds(),
            "threads": process.num_threads(),
        }

    def _comparison(self, program: str, figure: str, unit: str) -> Comparison:
        values = [seen[program][figure] for seen in self.seen]
        half = len(values) // 2
        hours = [time / 3600 for time in self.times[half:]]
        growth = linear_regression(hours, values[half:]).slope
        return Comparison(
            what=f"{self.name}, {program}: {figure}, {growth:+,.1f} {unit or 'of them'} an hour",
            unit=unit,
            samples={OURS: values[half:], "first half": values[half // 5 : half]},
            goal=_FLAT,
        )


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Have all instances work for as long as is asked for."""
    lasts = _QUICK_SECONDS if plan.is_quick else 60 * plan.minutes
    async with AsyncExitStack() as stack:
        watched = [await stack.enter_async_context(opened()) for opened in (_in_one, _in_two)]
        with move_on_after(lasts):
            async with create_task_group() as tasks:
                for instance in watched:
                    tasks.start_soon(_work, instance, 1 if plan.is_quick else _A_SAMPLE)
    return [comparison for instance in watched for comparison in instance.comparisons]


@asynccontextmanager
async def _in_one() -> AsyncIterator[Watched]:
    async with _opened() as served:
        await served.start()
        yield Watched("in one program", served, {"serve": served.pid})


@asynccontextmanager
async def _in_two() -> AsyncIterator[Watched]:
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_database("PostgreSQL") as url:
            with open_redis_server(Path(directory)) as redis:
                redis.start()
                on = {"PUSHPAKA_DATABASE_URL": url, "PUSHPAKA_REDIS_URL": redis.url}
                async with _opened(**on) as served:
                    served.deploys = False
                    await served.start()
                    async with served.worker((*_PROGRAM, "worker")) as worker:
                        pids = {"API": served.pid, "worker": worker.pid}
                        yield Watched("in two programs", served, pids)


@asynccontextmanager
async def _opened(**settings: str) -> AsyncIterator[Served]:
    async with open_served(**OWN_ADDRESSES, **UNLIMITED, **settings) as served:
        served.env[COUNTED] = str(served.directory)
        served.program = _PROGRAM
        yield served


async def _steadily(pause: float, do: Callable[[], Awaitable[object]]) -> None:
    """Do it again and again, at the same times whatever it takes."""
    due = current_time()
    while True:
        await do()
        due = max(due + pause, current_time())
        await sleep_until(due)


async def _work(instance: Watched, pause: float) -> None:
    """Be at work, and look at the programs as soon as they have done something."""
    async with Person.signed_up(instance.served) as ann:
        project, _ = await _made(ann)
        onlooker = _Onlooker(ann, project, await ann.deploy(project))
        async with create_task_group() as tasks:
            tasks.start_soon(_steadily, pause, instance.look)
            tasks.start_soon(_steadily, _A_LOOK, onlooker.look)
            tasks.start_soon(_steadily, _A_LIFE, partial(_live, instance.served))


async def _live(served: Served) -> None:
    """Be somebody new who deploys, watches, rolls back and leaves nothing behind."""
    async with Person.visiting(served) as person:
        project, repository = await _made(person)
        first = await _watched(person, project)
        edit(repository, "app.py", '"v1"', '"v2"')
        await _watched(person, project)
        await person.roll_back(first)


async def _made(person: Person) -> tuple[Json, Repository]:
    repository = repository_of(person.served.new_directory() / "app", server("v1"))
    return await person.project(repository.path, f"app-{next(_numbers)}"), repository


async def _watched(person: Person, project: Json) -> Json:
    """Deploy, and watch its log from its first line to one that it prints when it is asked to."""
    deployment = await person.begin(project)
    async with person.watching(deployment) as watch:
        running = await person.outcome(deployment)
        await person.read(project, "/print/hello")
        await watch.until("hello")
    return running


@frozen
class _Onlooker:
    """Somebody who looks at what they have, in every way by turns."""

    _person: Person
    _project: Json
    _deployment: Json
    _numbers: "count[int]" = field(factory=count, init=False)

    async def look(self) -> None:
        """Look at the next one."""
        number, id_ = next(self._numbers), self._deployment["id"]
        paths = (
            f"/deployments/{id_}",
            "/deployments?limit=20",
            "/projects",
            f"/logs/{id_}",
            f"/deployments/{id_}/events",
        )
        match number % (len(paths) + 2):
            case 0:
                await self._see_a_line(str(number))
            case 1:
                await self._person.text("/metrics")
            case other:
                await self._person.ask("GET", paths[other - 2])

    async def _see_a_line(self, printed: str) -> None:
        await self._person.read(self._project, f"/print/{printed}")
        lines = await self._person.until_logged(self._deployment, printed)
        (place,) = (line["seq"] for line in lines if line["message"] == printed)
        async with self._person.watching(self._deployment, after=place - 1) as watch:
            await watch.until(printed)
