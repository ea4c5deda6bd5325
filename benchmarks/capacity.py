"""
How much does another application cost the platform, and how much do ten thousand?

A thousand and ten thousand idle applications are compared with a hundred. The queries of routes and
instances and the garbage collection are what an idle worker repeats all the time. Their processor
time is measured on a filled database, with builder and runtime in memory. A new route table is
measured from the write of the router adapter until Traefik reports that it is in force. Bytes are
those of the database with its indexes, per additional row.

A deployment is that of a static site without a build, one per project, on the process runtime with
its two slots. It is compared with one deployment per second, because nothing else does the same.
The memory is the unshared memory of the program that serves the site, and of Pushpaka's own program
next to it.
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
from benchmarks.deployments import open_person
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Person
from tests.served_instance import free_port

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.traefik.binaries import find_traefik
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.instances.instances import InstanceState
from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import (
    a_release,
    a_running_deployment,
    a_target,
    an_instance,
)
from pushpaka_core.testing.objects.projects import a_project

_NUMBERS = (100, 1000, 10_000)
_OF_AN_OWNER = 10
_TIMES = 3
_PATIENCE = timedelta(minutes=5)
_SITES = 40
_Figures = Mapping[str, float]


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Measure with each number of applications, then the deployments of sites."""
    numbers = (10, 20) if run_options.is_quick else _NUMBERS
    found: list[Comparison] = []
    for database in run_options.variants(DATABASES):
        looks = {number: await _idle_work(database, number) for number in numbers}
        found += _compared(looks, database)
        found += await _bytes(database, run_options)
    routes = {number: await _routes(number) for number in numbers}
    found += _compared(routes, "Traefik")
    return [*found, *await _sites(run_options.amount(_SITES, 2))]


def _compared(figures: Mapping[int, _Figures], where: str) -> Sequence[Comparison]:
    """Compare each figure with that of the smallest number. The keys are "name, unit"."""
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


async def _idle_work(database: str, number: int) -> _Figures:
    async with open_database(database) as url, open_instance(url) as (application, _):
        await _fill(url, number)
        engine = application.worker_services
        await engine.route_publisher.publish()
        looks: Mapping[str, Callable[[], Awaitable[object]]] = {
            "a table of routes": engine.route_publisher.current_table,
            "a look at the routes": engine.route_publisher.is_current,
            "a look at what runs": engine.active_deployments.read_cached,
            "what is drained": engine.reconciler.stop_drained,
            "what is deleted": engine.garbage_collector.projects.delete_projects,
            "a sweep of releases": engine.garbage_collector.releases.remove_old_releases,
        }
        return {f"{name}, ms": await _processor_time(look) for name, look in looks.items()}


async def _processor_time(look: Callable[[], Awaitable[object]]) -> float:
    await look()
    begun = process_time()
    for _ in range(_TIMES):
        await look()
    return 1000 * (process_time() - begun) / _TIMES


async def _fill(url: str, number: int) -> None:
    """Insert *number* projects with one live instance each."""
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


async def _bytes(database: str, run_options: RunOptions) -> Sequence[Comparison]:
    """Return the size of a row: of a deployment and of a log line."""
    deployments, lines = (2000, 4000) if run_options.is_quick else (100_000, 1_000_000)
    sizes = []
    for wanted in ((1000, 1000), (deployments, deployments), (deployments, deployments + lines)):
        async with open_database(database) as url, open_instance(url):
            await fill(url, all_deployments=wanted[0], lines=wanted[1])
            sizes.append(await _size(url))
    both = (sizes[1] - sizes[0]) / (deployments - 1000)
    line = (sizes[2] - sizes[1]) / lines
    bytes_per_row = {OURS: [both - line], "a line of a log": [line]}
    return [Comparison(what=f"{database}: a deployment", unit="bytes", samples=bytes_per_row)]


async def _size(url: str) -> float:
    query = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }[url.partition(":")[0]]
    async with (
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (_, reading),
        reading.engine.connect() as connection,
    ):
        return float((await connection.execute(sa.text(query))).scalar_one())


async def _routes(number: int) -> _Figures:
    """
    Return the seconds to apply a new table for *number* applications, and the memory of
    Traefik.
    """
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
    """Return a table with the usual two routes for each application."""
    return RouteTable(
        generation=generation,
        routes=[
            Route(
                name=f"{kind}-{n}",
                hosts=(f"{kind}-{n}.apps.example.com",),
                upstreams=(Upstream(host="127.0.0.1", port=20_000 + (n + generation) % 9_900),),
                app_name=f"Application {n}",
            )
            for n in range(number)
            for kind in ("project", "deployment")
        ],
    )


@asynccontextmanager
async def _traefik(parent: Path) -> AsyncIterator[tuple[TraefikRouter, psutil.Process]]:
    entry_points = EntryPoints(
        host="127.0.0.1",
        port=free_port(),
        internal_port=free_port(),
        error_page_port=free_port(),
        gate_port=free_port(),
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
    """Deploy static sites concurrently, and measure the memory of each."""
    async with open_person("process") as ann:
        source = repository_of(ann.served_instance.repositories / "site", {"index.html": "Hello."})
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
    """
    Return the average memory of Pushpaka's programs and of the applications that they run, in
    MB.
    """
    data = str(person.served_instance.data_directory)
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
