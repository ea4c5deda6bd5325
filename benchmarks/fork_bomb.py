"""
How long does the API take to respond while an application forks endlessly?

Each process of the application forks in a loop, and keeps trying after it has reached its maximum
of 1,024 processes, or 256 in a container. The container has a limit of one processor; on the
process runtime, there is no limit. The application has no health check, so it is not restarted.
Meanwhile, its owner requests `/health` and a page of deployments. The baseline is the same server
without the application.

Why they differ: the application competes with the server for the processors.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from statistics import quantiles
from time import perf_counter

from anyio import fail_after, sleep
from attrs import define, field
from benchmarks.deployments import open_person
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages

_BOMB = """\
import os
import time

print("forking", flush=True)
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        pass
"""
"""Forks for two minutes at most, so that it does not survive a killed benchmark."""
_SETTINGS: Mapping[str, Json] = {
    "process": {"health_check": "none"},
    "docker": {"health_check": "none", "cpu_limit": 1},
}
_REQUESTS = 200
_PATHS = {"/health": "/health", "a page of deployments": "/deployments?limit=20"}
_GOALS = {"p95": Goal(ratio=5), "max": None}
"""The goals of the figures of each path."""
_PAUSE = 0.01
"""Seconds between a response and the next request."""


@define
class _Server:
    """A server with a user, who deploys a fork bomb in each round."""

    runtime: str
    person: Person
    requests: int
    _numbers: "count[int]" = field(factory=count, init=False)

    async def with_bomb(self) -> Figures:
        """Measure while a fork bomb runs, then delete it."""
        name = f"bomb-{next(self._numbers)}"
        repository = repository_of(self.person.served_instance.repositories / name, program(_BOMB))
        project = await self.person.project(repository.path, name, **_SETTINGS[self.runtime])
        await self._wait_until_forking(await self.person.deploy(project))
        figures = await self.without_bomb()
        await self.person.ask("DELETE", f"/projects/{project['id']}")
        return figures

    async def without_bomb(self) -> Figures:
        """Measure the latency of requests."""
        return {
            f"{name}, {figure}": value
            for name, path in _PATHS.items()
            for figure, value in (await self._latency(path)).items()
        }

    async def _latency(self, path: str) -> Figures:
        times = []
        with fail_after(PATIENCE):
            for _ in range(self.requests):
                begun = perf_counter()
                await self.person.ask("GET", path)
                times.append(1000 * (perf_counter() - begun))
                await sleep(_PAUSE)
        return {"p95": quantiles(times, n=20, method="inclusive")[18], "max": max(times)}

    async def _wait_until_forking(self, deployment: Json) -> None:
        with fail_after(PATIENCE):
            while "forking" not in messages(await self.person.log(deployment)):
                await sleep(0.1)


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Measure in turn with and without a fork bomb, on each runtime."""
    return [row for runtime in _SETTINGS for row in await _measure(runtime, run_options)]


async def _measure(runtime: str, run_options: RunOptions) -> Sequence[Comparison]:
    async with open_person(runtime) as ann:
        server = _Server(runtime, ann, run_options.amount(_REQUESTS, 20))
        turns = {OURS: server.with_bomb, "no fork bomb": server.without_bomb}
        samples = await alternate(turns, run_options.rounds_of(3))
    return [
        Comparison.of(
            samples, f"{path}, {name}", what=f"{runtime}: {path}, {name}", unit="ms", goal=goal
        )
        for path in _PATHS
        for name, goal in _GOALS.items()
    ]
