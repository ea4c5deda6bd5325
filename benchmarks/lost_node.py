"""
How long does it take until applications respond again after a Docker Swarm node is lost?

The Swarm has two nodes on this machine. Five applications with one replica each run on the node
that is not the manager, and so do five services that were created by hand. All processes of that
node get SIGKILL, as in a power failure. For the applications, the time ends when all of them
respond through the router. For the services, it ends when the Swarm runs all of them on the other
node. Applications and services are lost at the same moment, and share the processors while they
start again.

The Swarm itself needs most of the time: before it starts the tasks of the lost node on another
node, it waits for three missed heartbeats, which are one second apart here and five seconds by
default.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter

import httpx
from anyio import create_task_group, fail_after, move_on_after, sleep, to_thread
from benchmarks.deployments import UNLIMITED
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Goal
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.served_instance import open_served
from tests.swarm.machines import Node, Swarm, open_swarm

_IMAGE = "python:3.13-slim"
_APP = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
_COUNT = 5
_PAUSE = 0.05
"""Seconds between two checks."""
_BY_HAND = "by hand"


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Kill the node that runs all applications and services, once in each round."""
    count = run_options.amount(_COUNT, 1)
    samples: dict[str, list[float]] = {OURS: [], _BY_HAND: []}
    with open_swarm() as swarm:
        await to_thread.run_sync(partial(swarm.load, _IMAGE, node=swarm.worker))
        settings = {**OWN_ADDRESSES, **UNLIMITED, **swarm.settings}
        async with open_served(**settings) as served, Person.sign_up(await served.start()) as ann:
            projects = [await _project(ann, number) for number in range(count)]
            for _ in range(run_options.rounds_of(3)):
                await _lose_the_node(swarm, ann, projects, samples)
    what = f"{count} applications of a lost node"
    return [Comparison(what=what, unit="s", samples=samples, goal=Goal(ratio=1.3))]


async def _project(ann: Person, number: int) -> Json:
    name = f"app-{number}"
    repository = repository_of(ann.served_instance.repositories / name, program(_APP))
    return await ann.project(repository.path, name, rollback_window=0)


async def _lose_the_node(
    swarm: Swarm, ann: Person, projects: Sequence[Json], samples: dict[str, list[float]]
) -> None:
    _set_availability(swarm, swarm.manager, "pause")
    for project in projects:
        await ann.deploy(project)
    services = [f"by-hand-{number}" for number in range(len(projects))]
    for service in services:
        await to_thread.run_sync(_create, swarm, service)
    _set_availability(swarm, swarm.manager, "active")

    await to_thread.run_sync(swarm.worker.kill)
    begun = perf_counter()
    with fail_after(PATIENCE):
        async with create_task_group() as tasks:
            tasks.start_soon(_until_answered, ann, projects, begun, samples[OURS])
            tasks.start_soon(_until_run, swarm, services, begun, samples[_BY_HAND])

    swarm.manager.docker("service", "rm", *services)
    await to_thread.run_sync(swarm.worker.start)


def _set_availability(swarm: Swarm, node: Node, availability: str) -> None:
    swarm.manager.docker("node", "update", "--availability", availability, node.id)


def _create(swarm: Swarm, name: str) -> None:
    """Create a service, and return when it runs."""
    swarm.manager.docker(
        *("service", "create", "--quiet", "--no-resolve-image", "--name", name),
        *(_IMAGE, "python3", "-m", "http.server"),
    )


async def _until_answered(
    ann: Person, projects: Sequence[Json], begun: float, samples: list[float]
) -> None:
    for project in projects:
        while not await _answers(ann, project):
            await sleep(_PAUSE)
    samples.append(perf_counter() - begun)


async def _answers(ann: Person, project: Json) -> bool:
    with move_on_after(1), suppress(httpx.TransportError):
        return (await ann.visit(project["url"])).is_success
    return False


async def _until_run(
    swarm: Swarm, services: Sequence[str], begun: float, samples: list[float]
) -> None:
    while not await to_thread.run_sync(_all_run_on_the_manager, swarm, services):
        await sleep(_PAUSE)
    samples.append(perf_counter() - begun)


def _all_run_on_the_manager(swarm: Swarm, services: Sequence[str]) -> bool:
    listing = swarm.manager.docker(
        *("service", "ps", "--filter", "desired-state=running"),
        *("--format", "{{.Node}} {{.CurrentState}}", *services),
    )
    running = [
        line for line in listing.splitlines() if line.startswith(f"{swarm.manager.name} Run")
    ]
    return len(running) == len(services)
