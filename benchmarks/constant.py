"""
Does memory stay constant during an hour of constant work?

Two instances on the process runtime work concurrently: one in a single program on SQLite, and one
whose API and worker are separate programs on PostgreSQL and Redis. Once a minute, a new user signs
up, creates a project, deploys it twice while watching its log, rolls back and deletes the project.
Three times in two seconds, another user reads lists, logs, timelines and metrics, or makes the
application print a line and waits for it in the log.

The resources of each program are sampled every ten seconds. The median of the second half is
compared with the median of the first half, whose first fifth is ignored. Growth is the slope of a
straight line through the samples of the second half. Tasks are asyncio tasks, and blocks are memory
blocks that Python has allocated.
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
from benchmarks.databases import open_database
from benchmarks.deployments import UNLIMITED
from benchmarks.instrumented import COUNTED
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.served_instance import ServedInstance, open_served
from tests.servers.redis import open_redis_server

from pushpaka_core.testing.repositories import Repository

_PROGRAM = (sys.executable, "-P", str(Path(__file__).with_name("instrumented.py")))
_NEW_USER_INTERVAL, _READ_INTERVAL, _SAMPLE_INTERVAL = 60.0, 0.67, 10.0
"""Seconds between two repetitions."""
_QUICK_SECONDS = 25
_FLAT = Goal(ratio=1.05)
_FIGURES = {"memory": "MB", "blocks": "", "tasks": "", "files": "", "threads": ""}
_numbers = count(1)


@define
class SampledInstance:
    """An instance at work, and the sampled resources of its programs."""

    name: str
    served_instance: ServedInstance
    pids: Mapping[str, int]
    times: list[float] = field(factory=list, init=False)
    seen: list[Mapping[str, Figures]] = field(factory=list, init=False)
    """The resources by program, for each sample."""

    async def sample(self) -> None:
        """Sample the resources of each program."""
        self.times.append(current_time())
        self.seen.append({name: self._of(pid) for name, pid in self.pids.items()})

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Compare the second half with the first one."""
        return [
            self._comparison(program, figure, unit)
            for program in self.pids
            for figure, unit in _FIGURES.items()
        ]

    def _of(self, pid: int) -> Figures:
        process = psutil.Process(pid)
        measured = json.loads((self.served_instance.directory / str(pid)).read_text())
        return {
            **measured,
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


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Run all instances for the chosen time."""
    lasts = _QUICK_SECONDS if run_options.is_quick else 60 * run_options.minutes
    async with AsyncExitStack() as stack:
        watched = [await stack.enter_async_context(opened()) for opened in (_in_one, _in_two)]
        with move_on_after(lasts):
            async with create_task_group() as tasks:
                for instance in watched:
                    tasks.start_soon(
                        _work, instance, 1 if run_options.is_quick else _SAMPLE_INTERVAL
                    )
    return [comparison for instance in watched for comparison in instance.comparisons]


@asynccontextmanager
async def _in_one() -> AsyncIterator[SampledInstance]:
    async with _opened() as served:
        await served.start()
        yield SampledInstance("in one program", served, {"serve": served.pid})


@asynccontextmanager
async def _in_two() -> AsyncIterator[SampledInstance]:
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
                        yield SampledInstance("in two programs", served, pids)


@asynccontextmanager
async def _opened(**settings: str) -> AsyncIterator[ServedInstance]:
    async with open_served(**OWN_ADDRESSES, **UNLIMITED, **settings) as served:
        served.env[COUNTED] = str(served.directory)
        served.program = _PROGRAM
        yield served


async def _repeat(pause: float, do: Callable[[], Awaitable[object]]) -> None:
    """Call *do* at fixed intervals, whatever time it takes."""
    due = current_time()
    while True:
        await do()
        due = max(due + pause, current_time())
        await sleep_until(due)


async def _work(instance: SampledInstance, pause: float) -> None:
    """Work, and sample the resources of the programs after the first deployment."""
    async with Person.sign_up(instance.served_instance) as ann:
        project, _ = await _made(ann)
        reader = _Reader(ann, project, await ann.deploy(project))
        async with create_task_group() as tasks:
            tasks.start_soon(_repeat, pause, instance.sample)
            tasks.start_soon(_repeat, _READ_INTERVAL, reader.look)
            tasks.start_soon(
                _repeat, _NEW_USER_INTERVAL, partial(_act_as_new_user, instance.served_instance)
            )


async def _act_as_new_user(served_instance: ServedInstance) -> None:
    """Act as a new user who deploys, watches, rolls back and deletes everything."""
    async with Person.temporary(served_instance) as person:
        project, repository = await _made(person)
        first = await _watched(person, project)
        edit(repository, "app.py", '"v1"', '"v2"')
        await _watched(person, project)
        await person.roll_back(first)


async def _made(person: Person) -> tuple[Json, Repository]:
    repository = repository_of(person.served_instance.new_directory() / "app", server("v1"))
    return await person.project(repository.path, f"app-{next(_numbers)}"), repository


async def _watched(person: Person, project: Json) -> Json:
    """Deploy, and watch the log from its first line to a line that is printed on request."""
    deployment = await person.begin(project)
    async with person.watch_log(deployment) as watch:
        running = await person.outcome(deployment)
        await person.read(project, "/print/hello")
        await watch.wait_until("hello")
    return running


@frozen
class _Reader:
    """A user who reads something else each time."""

    _person: Person
    _project: Json
    _deployment: Json
    _numbers: "count[int]" = field(factory=count, init=False)

    async def look(self) -> None:
        """Read the next resource, in turn."""
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
        lines = await self._person.wait_until_logged(self._deployment, printed)
        (place,) = (line["seq"] for line in lines if line["message"] == printed)
        async with self._person.watch_log(self._deployment, after=place - 1) as watch:
            await watch.wait_until(printed)
