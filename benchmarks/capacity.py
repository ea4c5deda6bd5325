"""
What does one more application cost the platform, and what ten thousand?

Against a hundred stand a thousand and ten thousand applications that do nothing. A look at the
routes, one at what runs and a sweep are what a worker does again and again, by the processor time
that it takes with nothing to do, on a database that is full; what would build and run is in
memory. A new table of routes is what the router adapter writes until Traefik shows that it uses
it. Bytes are those of the database with its indexes, for each row that is more. A deployment is
one of a site without a build, of a project of its own, on the process runtime with its two slots,
held against one a second as nothing else does the same; the memory is that of the program which
serves it, shared with no other, and of our own beside it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import psutil
import sqlalchemy as sa
from anyio import create_task_group, open_process, sleep, to_thread
from attrs import evolve
from benchmarks.bulk import fill
from benchmarks.databases import DATABASES, insert, open_database, open_instance
from benchmarks.deploying import open_person
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison
from tests.acceptance.apps import repository_of
from tests.acceptance.people import Person
from tests.served import free_port

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.traefik.binary import find_traefik
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.instances import InstanceState
from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_core.testing.objects import (
    a_project,
    a_release,
    a_running_deployment,
    a_target,
    a_user,
    an_instance,
)

_NUMBERS = (100, 1000, 10_000)
_OF_AN_OWNER = 10
_TIMES = 3
_PATIENCE = timedelta(minutes=5)
_SITES = 40
_Figures = Mapping[str, float]


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Measure with each number of applications, then what has no other side."""
    numbers = (10, 20) if plan.is_quick else _NUMBERS
    found: list[Comparison] = []
    for database in plan.few(DATABASES):
        looks = {number: await _looks(database, number) for number in numbers}
        found += _grown(looks, database)
        found += await _bytes(database, plan)
    routes = {number: await _routes(number) for number in numbers}
    found += _grown(routes, "Traefik")
    return [*found, *await _sites(plan.amount(_SITES, 2))]


def _grown(figures: Mapping[int, _Figures], where: str) -> Sequence[Comparison]:
    """Compare each figure, whose unit follows a comma, with that of the least number."""
    first, *others = figures
    return [
        Comparison(
            what=f"{where}, {number:,} applications: {figure.partition(', ')[0]}",
            unit=figure.partition(", ")[2],
            samples={OURS: [value], f"{first:,}": [figures[first][figure]]},
        )
        for number in others
        for figure, value in figures[number].items()
    ]


async def _looks(database: str, number: int) -> _Figures:
    async with open_database(database) as url, open_instance(url) as (application, _):
        await _fill(url, number)
        engine = application.engine
        await engine.routing.publish()
        looks: Mapping[str, Callable[[], Awaitable[object]]] = {
            "a table of routes": engine.routing.newest,
            "a look at the routes": engine.routing.is_in_force,
            "a look at what runs": engine.tending.seen,
            "what is drained": engine.reconciliation.stop_drained,
            "what is deleted": engine.sweeping.delete_projects,
            "a sweep of releases": engine.sweeping.retire_releases,
        }
        return {f"{name}, ms": await _processor_time(look) for name, look in looks.items()}


async def _processor_time(look: Callable[[], Awaitable[object]]) -> float:
    await look()
    begun = process_time()
    for _ in range(_TIMES):
        await look()
    return 1000 * (process_time() - begun) / _TIMES


async def _fill(url: str, number: int) -> None:
    """Have so many projects serve one instance each."""
    owners = [a_user() for _ in range(max(1, number // _OF_AN_OWNER))]
    homes = [a_project(owners[n % len(owners)]) for n in range(number)]
    bare = [a_running_deployment(home, phase=Phase.RUN, fence=1) for home in homes]
    releases = [a_release(deployment) for deployment in bare]
    deployed = [evolve(d, release_id=r.id) for d, r in zip(bare, releases, strict=True)]
    live = partial(an_instance, state=InstanceState.LIVE)
    for table, rows in (
        (schema.users, owners),
        (schema.projects, homes),
        (schema.deployments, deployed),
        (schema.releases, releases),
        (schema.targets, [a_target(deployment) for deployment in deployed]),
        (schema.instances, [live(d, port=n + 1) for n, d in enumerate(deployed)]),
    ):
        await insert(url, table, rows)


async def _bytes(database: str, plan: Plan) -> Sequence[Comparison]:
    """Return what a row more takes: of deployments alone, then of lines."""
    deployments, lines = (2000, 4000) if plan.is_quick else (100_000, 1_000_000)
    sizes = []
    for wanted in ((1000, 1000), (deployments, deployments), (deployments, deployments + lines)):
        async with open_database(database) as url, open_instance(url):
            await fill(url, all_deployments=wanted[0], lines=wanted[1])
            sizes.append(await _size(url))
    both = (sizes[1] - sizes[0]) / (deployments - 1000)
    line = (sizes[2] - sizes[1]) / lines
    told = {OURS: [both - line], "a line of a log": [line]}
    return [Comparison(what=f"{database}: a deployment", unit="bytes", samples=told)]


async def _size(url: str) -> float:
    query = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }[url.partition(":")[0]]
    async with (
        open_lanes(url, patience=PATIENCE) as (_, reading),
        reading.engine.connect() as connection,
    ):
        return float((await connection.execute(sa.text(query))).scalar_one())


async def _routes(number: int) -> _Figures:
    """Return how long the next table of so many applications takes, and Traefik's memory then."""
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with _traefik(Path(directory)) as (router, process):
            seconds = []
            for generation in range(1, _TIMES + 2):
                begun = perf_counter()
                await router.apply(_table(number, generation))
                seconds.append(perf_counter() - begun)
            memory = process.memory_info().rss / 1_000_000
    return {"a new table of routes, s": mean(seconds[1:]), "memory, MB": memory}


def _table(number: int, generation: int) -> RouteTable:
    """Return a table in which each application has the two routes that it always has."""
    return RouteTable(
        generation=generation,
        routes=[
            Route(
                name=f"{kind}-{n}",
                hosts=(f"{kind}-{n}.apps.example.com",),
                upstreams=(Upstream(host="127.0.0.1", port=20_000 + (n + generation) % 9_900),),
                title=f"Application {n}",
            )
            for n in range(number)
            for kind in ("project", "deployment")
        ],
    )


@asynccontextmanager
async def _traefik(parent: Path) -> AsyncIterator[tuple[TraefikRouter, psutil.Process]]:
    entry_points = EntryPoints(
        host="127.0.0.1", port=free_port(), internal_port=free_port(), page_port=free_port()
    )
    directory = TraefikDirectory(parent / "router")
    await to_thread.run_sync(directory.prepare_routes, entry_points)
    static = static_configuration(entry_points, routes_file=directory.routes_file)
    directory.write(directory.static_file, static)
    command = [str(find_traefik("")), f"--configFile={directory.static_file}"]
    async with await open_process(command, stdout=None, stderr=None) as process:
        try:
            async with open_traefik_router(directory, entry_points, deadline=_PATIENCE) as router:
                while await router.generation() is None:
                    await sleep(0.02)
                yield router, psutil.Process(process.pid)
        finally:
            process.kill()


async def _sites(number: int) -> Sequence[Comparison]:
    """Deploy sites that need no build all at once, and look at what each has in memory."""
    async with open_person("process") as ann:
        source = repository_of(ann.served.repositories / "site", {"index.html": "Hello."})
        projects = [await ann.project(source.path, f"site-{n}") for n in range(number)]
        begun = perf_counter()
        async with create_task_group() as tasks:
            for project in projects:
                tasks.start_soon(partial(ann.deploy, project, patience=600))
        an_hour = 3600 * number / (perf_counter() - begun)
        own, theirs = await to_thread.run_sync(_memory_of_instances, ann)
    return [
        Comparison(
            what=f"{number} sites",
            unit="an hour",
            samples={OURS: [an_hour], "one a second, which is": [3600.0]},
        ),
        Comparison(
            what="memory beside each application, unshared",
            unit="MB",
            samples={OURS: [own], "the server of its files": [theirs]},
        ),
    ]


def _memory_of_instances(person: Person) -> tuple[float, float]:
    """Return what our own programs and those which they run have, on average."""
    data = str(person.served.data_directory)
    own, theirs = [], []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if "run" in line and any(data in word and "releases" in word for word in line):
                theirs.append(process.memory_full_info().uss / 1_000_000)
                parent = process.parent()
                if parent is not None:
                    own.append(parent.memory_full_info().uss / 1_000_000)
        except psutil.Error:
            continue
    return mean(own), mean(theirs)
